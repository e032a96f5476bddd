// The audits of the GraphQL-over-HTTP specification. Prints one line of JSON per audit.
// Usage: node graphql_http.mjs FOLDER_OF_THE_TOOL URL
import { createRequire } from 'node:module';

const [tool, url] = process.argv.slice(2);
const { auditServer } = createRequire(`${tool}/`)('graphql-http');

for (const result of await auditServer({ url })) {
  const { status, id, name, reason } = result;
  console.log(JSON.stringify({ status, id, name, reason }));
}
