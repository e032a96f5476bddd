//! The address book.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Answer, App, Session};

const BOOK: &str = "/api/v1/users/me/addresses";

fn address() -> Value {
    json!({"first_name": "Ada", "last_name": "Quill", "line1": "12 Larch Row", "city": "Leeds", "postal_code": "LS1 4AP",
           "country": "GB"})
}

async fn add(app: &App, session: &Session, body: Value) -> Answer {
    app.post(BOOK).by(session).json(body).send().await
}

async fn list(app: &App, session: &Session) -> Vec<Value> {
    app.get(BOOK).by(session).send().await.data(200).as_array().unwrap().clone()
}

fn path(address: &Value) -> String {
    format!("{BOOK}/{}", address["id"].as_str().unwrap())
}

#[tokio::test]
async fn addresses_are_added_read_changed_and_deleted() {
    let app = App::new().await;
    let ada = app.customer("ada@example.com").await;
    assert_eq!(list(&app, &ada).await, Vec::<Value>::new());
    let added = add(&app, &ada, address()).await;
    let first = added.data(201).clone();
    assert_eq!(added.headers["etag"], "\"1\"");
    assert_eq!(added.headers["location"], path(&first).as_str());
    assert_eq!((&first["city"], &first["company"], &first["country"]), (&json!("Leeds"), &Value::Null, &json!("GB")));
    let second = add(&app, &ada, address()).await.data(201).clone();
    assert_eq!(list(&app, &ada).await, [first.clone(), second.clone()]);

    let change = json!({"city": "York", "company": "Quill Ltd", "postal_code": null});
    let changed = app.patch(&path(&first)).by(&ada).header("if-match", "\"1\"").json(change).send().await;
    let changed = changed.data(200).clone();
    assert_eq!(
        (&changed["city"], &changed["company"], &changed["postal_code"]),
        (&json!("York"), &json!("Quill Ltd"), &Value::Null)
    );
    assert_eq!((&changed["line1"], &changed["version"]), (&json!("12 Larch Row"), &json!(2)));
    let stale =
        app.patch(&path(&first)).by(&ada).header("if-match", "\"1\"").json(json!({"city": "Hull"})).send().await;
    assert_eq!(stale.refusal(), (412, "VERSION_MISMATCH"));

    assert_eq!(app.delete(&path(&second)).by(&ada).send().await.status, 204);
    assert_eq!(app.delete(&path(&second)).by(&ada).send().await.refusal(), (404, "ADDRESS_NOT_FOUND"));
    assert_eq!(list(&app, &ada).await, [changed]);
}

#[tokio::test]
async fn an_address_of_somebody_else_is_not_there() {
    let app = App::new().await;
    let (ada, eve) = (app.customer("ada@example.com").await, app.customer("eve@example.com").await);
    let address = add(&app, &ada, address()).await.data(201).clone();
    let changed = app.patch(&path(&address)).by(&eve).json(json!({"city": "Elsewhere"})).send().await;
    assert_eq!(changed.refusal(), (404, "ADDRESS_NOT_FOUND"));
    assert_eq!(app.delete(&path(&address)).by(&eve).send().await.refusal(), (404, "ADDRESS_NOT_FOUND"));
    assert_eq!(list(&app, &eve).await, Vec::<Value>::new());
    assert_eq!(list(&app, &ada).await, [address]);
}

#[tokio::test]
async fn there_is_one_default_of_each_sort() {
    let app = App::new().await;
    let ada = app.customer("ada@example.com").await;
    let with = |shipping: bool, billing: bool| {
        let mut body = address();
        body["is_default_shipping"] = json!(shipping);
        body["is_default_billing"] = json!(billing);
        body
    };
    let defaults = |book: &[Value]| {
        let flags = |a: &Value| (a["is_default_shipping"] == true, a["is_default_billing"] == true);
        book.iter().map(flags).collect::<Vec<_>>()
    };
    add(&app, &ada, with(true, true)).await.data(201);
    let second = add(&app, &ada, with(true, false)).await.data(201).clone();
    let book = list(&app, &ada).await;
    assert_eq!(defaults(&book), [(false, true), (true, false)]);
    assert_eq!(book[0]["version"], 2, "losing a default is a change");
    app.patch(&path(&second)).by(&ada).json(json!({"is_default_billing": true})).send().await.data(200);
    assert_eq!(defaults(&list(&app, &ada).await), [(false, false), (true, true)]);

    let at_once = join_all((0..8).map(|_| add(&app, &ada, with(true, true)))).await;
    assert!(at_once.iter().all(|answer| answer.status == 201));
    let book = list(&app, &ada).await;
    assert_eq!(defaults(&book).iter().filter(|flags| **flags == (true, true)).count(), 1);
}

#[tokio::test]
async fn the_book_ends_at_fifty_also_for_many_at_once() {
    let app = App::new().await;
    let ada = app.customer("ada@example.com").await;
    for _ in 0..45 {
        add(&app, &ada, address()).await.data(201);
    }
    let answers = join_all((0..12).map(|_| add(&app, &ada, address()))).await;
    let refused = answers.iter().filter(|answer| answer.refusal() == (409, "TOO_MANY_ADDRESSES")).count();
    assert_eq!(refused, 7);
    assert_eq!(list(&app, &ada).await.len(), 50);
}

#[tokio::test]
async fn a_repeat_with_its_key_adds_nothing() {
    let app = App::new().await;
    let ada = app.customer("ada@example.com").await;
    let send = |body: Value| app.post(BOOK).by(&ada).key("add-address-00001").json(body).send();
    let first = send(address()).await.data(201).clone();
    assert_eq!(send(address()).await.data(201), &first);
    let mut other = address();
    other["city"] = json!("York");
    assert_eq!(send(other).await.refusal(), (422, "IDEMPOTENCY_KEY_REUSED"));
    let change = |body: Value| app.patch(&path(&first)).by(&ada).key("change-address-01").json(body).send();
    change(json!({"company": null})).await.data(200);
    assert_eq!(change(json!({})).await.refusal(), (422, "IDEMPOTENCY_KEY_REUSED"));
    assert_eq!(list(&app, &ada).await.len(), 1);
}

#[tokio::test]
async fn bad_addresses_name_the_field() {
    let app = App::new().await;
    let ada = app.customer("ada@example.com").await;
    for (field, value) in [
        ("country", json!("ZZ")),
        ("country", json!("gb")),
        ("country", Value::Null),
        ("line1", json!("")),
        ("line1", json!("a\0b")),
        ("city", json!("x".repeat(201))),
        ("postal_code", json!("x".repeat(21))),
        ("phone", json!("abc")),
        ("is_default_shipping", json!("yes")),
        ("id", json!("x")),
    ] {
        let mut body = address();
        body[field] = value;
        let answer = add(&app, &ada, body).await;
        assert_eq!(answer.refusal(), (422, "VALIDATION_FAILED"), "{field}");
        assert_eq!(answer.body["details"][0]["field"], field, "{}", answer.body);
    }
    let bad_path = app.delete(&format!("{BOOK}/not-an-id")).by(&ada).send().await;
    assert_eq!(bad_path.refusal(), (400, "INVALID_PATH"));
    assert_eq!(list(&app, &ada).await.len(), 0);
}
