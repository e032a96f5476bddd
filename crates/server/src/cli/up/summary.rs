//! What a started shop says of itself: addresses, logins, and a purchase to paste.

use crate::data_folder::{DataFolder, Run};

/// Prints it to stdout.
pub fn print(run: &Run, folder: &DataFolder) {
    let Run { api, graphql, metrics, admin, customer, .. } = run;
    let processes = processes(run);
    println!(
        "
Tradepost is ready.

  API       {api}/api/v1       documents: {api}/docs
  GraphQL   {graphql}   page: {api}/graphql
  Metrics   {metrics}
  Data      {folder}
{processes}
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

/// A line for each process of a shop whose roles run apart.
fn processes(run: &Run) -> String {
    let lines = run.roles.iter().map(|process| {
        let (name, log) = (format!("{}-{}", process.role, process.instance), process.log.display());
        format!("  {name:<12}{:<26}{log}\n", process.address)
    });
    let lines: String = lines.collect();
    if lines.is_empty() { lines } else { format!("\n{lines}") }
}

/// Shell lines that end in a placed and paid order: curl and sed, nothing else. README.md has the same.
fn tour(run: &Run) -> String {
    let Run { api, admin, .. } = run;
    let credentials = serde_json::json!({ "email": admin.email, "password": admin.password });
    format!(
        r#"API={api}/api/v1
JSON='Content-Type: application/json'
# a mug, its variants and prices
curl -s $API/graphql -H "$JSON" -d '{{"query":"{{product(slug:\"enamel-camp-mug\"){{name variants{{id name inventoryCount}}}}}}"}}' | tee mug.json; echo
VARIANT=$(sed 's/.*"variants":\[{{"id":"\([^"]*\)".*/\1/' mug.json)
# a cart with two of it, an address, the cheapest way of shipping, payment on invoice
curl -s $API/carts -H "$JSON" -d '{{"email":"buyer@shop.example","shipping_address":{{"first_name":"First","last_name":"Buyer","line1":"1 Sample Street","city":"Berlin","postal_code":"10115","country":"DE"}},"line_items":[{{"variant_id":"'$VARIANT'","quantity":2}}]}}' | tee cart.json; echo
CART=$(sed 's/.*"data":{{"id":"\([^"]*\)".*/\1/' cart.json)
curl -s -X PUT $API/carts/$CART/shipping-option -H "$JSON" -d '{{"option":"standard"}}'; echo
curl -s $API/carts/$CART/payment-sessions -H "$JSON" -d '{{"provider":"manual"}}'; echo
# the order: safe to repeat with the same key
curl -s -X POST $API/carts/$CART/complete -H "Idempotency-Key: complete-$CART" | tee order.json; echo
ORDER=$(sed 's/.*"data":{{"id":"\([^"]*\)".*/\1/' order.json)
PAYMENT=$(sed 's/.*"payments":\[{{"id":"\([^"]*\)".*/\1/' order.json)
# staff take the money
TOKEN=$(curl -s $API/auth/login -H "$JSON" -d '{credentials}' | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
curl -s -X POST $API/admin/orders/$ORDER/payments/$PAYMENT/capture -H "Authorization: Bearer $TOKEN" -H "$JSON" -d '{{}}'; echo
rm mug.json cart.json order.json
"#
    )
}
