//! The OpenAPI document says what is enforced.

use serde_json::{Value, json};

fn document() -> Value {
    serde_json::to_value(users::routes().openapi()).unwrap()
}

#[test]
fn every_operation_of_the_contract_is_in_the_table() {
    let mut table: Vec<_> = users::routes()
        .table()
        .iter()
        .map(|route| format!("{} {} {}", route.method, route.path, route.operation))
        .collect();
    table.sort();
    assert_eq!(
        table,
        [
            "DELETE /api/v1/users/me delete_me",
            "DELETE /api/v1/users/me/addresses/{id} delete_address",
            "GET /.well-known/jwks.json get_jwks",
            "GET /api/v1/admin/users list_users",
            "GET /api/v1/users/me get_me",
            "GET /api/v1/users/me/addresses list_addresses",
            "GET /api/v1/users/{id} get_user",
            "PATCH /api/v1/users/me update_me",
            "PATCH /api/v1/users/me/addresses/{id} update_address",
            "POST /api/v1/admin/users/{id}/suspend suspend_user",
            "POST /api/v1/auth/login login",
            "POST /api/v1/auth/logout logout",
            "POST /api/v1/auth/refresh refresh",
            "POST /api/v1/auth/register register",
            "POST /api/v1/users/me/addresses create_address",
        ]
    );
}

#[test]
fn requests_say_what_is_required_and_what_may_be_null() {
    let schemas = &document()["components"]["schemas"];
    let register = &schemas["RegisterRequest"];
    assert_eq!(register["required"], json!(["email", "password", "first_name", "last_name"]));
    assert_eq!(register["additionalProperties"], json!(false));
    assert_eq!(register["properties"]["phone"]["type"], json!(["string", "null"]));
    assert_eq!(register["properties"]["password"]["maxLength"], 128);
    let update = &schemas["UpdateMeRequest"];
    assert_eq!(update["required"], Value::Null);
    assert_eq!(update["properties"]["email"]["type"], "string");
    let address = &schemas["UpdateAddressRequest"]["properties"];
    assert_eq!((&address["line2"]["type"], &address["line1"]["type"]), (&json!(["string", "null"]), &json!("string")));
    assert_eq!(address["country"]["enum"].as_array().unwrap().len(), 249);
}
