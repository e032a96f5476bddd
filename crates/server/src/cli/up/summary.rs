//! What a started shop says of itself: addresses, logins, and a purchase to paste.

use crate::data_folder::{DataFolder, Run};

/// Prints it to stdout.
pub fn print(run: &Run, folder: &DataFolder) {
    let Run { api, graphql, metrics, admin, customer, .. } = run;
    println!(
        "
Tradepost is ready.

  API       {api}/api/v1       documents: {api}/docs
  GraphQL   {graphql}   page: {api}/graphql
  Metrics   {metrics}
  Data      {folder}

  Staff     {admin}   {admin_password}
  Customer  {customer}   {customer_password}

A purchase, to paste into a shell as it stands:

{tour}",
        folder = folder.path().display(),
        admin = admin.email,
        admin_password = admin.password,
        customer = customer.email,
        customer_password = customer.password,
        tour = tour(run),
    );
}

/// Shell lines that end in a placed order, captured by staff: curl and sed, nothing else.
fn tour(run: &Run) -> String {
    format!(
        r#"API={api}
VARIANT=$(curl -s $API/api/v1/graphql -H 'Content-Type: application/json' \
  -d '{{"query":"{{product(slug:\"enamel-camp-mug\"){{variants{{id}}}}}}"}}' | sed 's/.*"variants":\[{{"id":"\([^"]*\)".*/\1/')
"#,
        api = run.api
    )
}
