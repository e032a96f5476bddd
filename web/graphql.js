"use strict";

const firstQuery = `# The catalog. Ctrl-Enter runs the query, Ctrl-Space completes, the book on the left shows the schema.
# Staff: put {"Authorization": "Bearer <access token>"} into the headers below to change things.

query Catalog {
  categories {
    slug
    name
  }
  products(first: 5, filter: { inStock: true }) {
    edges {
      node {
        slug
        name
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
`;

const editor = React.createElement(GraphiQL, {
  fetcher: GraphiQL.createFetcher({ url: "/api/v1/graphql" }),
  defaultQuery: firstQuery,
  defaultEditorToolsVisibility: "headers",
  // A token is not kept in the browser.
  shouldPersistHeaders: false,
});
ReactDOM.createRoot(document.getElementById("graphql")).render(editor);
