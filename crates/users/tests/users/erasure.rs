//! `delete_me`: what is gone, and that it is gone everywhere.

use serde_json::json;

use crate::support::App;

const ME: &str = "/api/v1/users/me";

#[tokio::test]
async fn an_erased_account_leaves_an_empty_row_and_an_event() {
    let app = App::new().await;
    let ada = app.customer("ada@example.com").await;
    let address =
        json!({"first_name": "Ada", "last_name": "Quill", "line1": "12 Larch Row", "city": "Leeds", "country": "GB"});
    app.post(&format!("{ME}/addresses")).by(&ada).json(address).send().await.data(201);
    assert_eq!(app.delete(ME).by(&ada).send().await.status, 204);

    assert_eq!(app.count("SELECT count(*) FROM users WHERE deleted_at IS NOT NULL").await, 1);
    let cells = "SELECT count(*) FROM users WHERE num_nonnulls(email, email_index, password_hash, first_name, last_name, phone) > 0";
    assert_eq!(app.count(cells).await, 0);
    for table in ["SELECT count(*) FROM data_keys", "SELECT count(*) FROM addresses"] {
        assert_eq!(app.count(table).await, 0, "{table}");
    }
    let events = app.events(&ada.user_id).await;
    assert_eq!(events.last().unwrap(), &("user.deleted".to_owned(), 2, json!({})));
    app.assert_sound().await;
}

#[tokio::test]
async fn an_erased_account_is_not_there_for_anyone_and_its_address_is_free() {
    let app = App::new().await;
    let (ada, admin) = (app.customer("ada@example.com").await, app.admin().await);
    app.delete(ME).by(&ada).send().await;
    assert_eq!(app.login("ada@example.com").await.refusal(), (401, "INVALID_CREDENTIALS"));
    assert_eq!(app.refresh(&ada.refresh_token).await.refusal(), (401, "INVALID_REFRESH_TOKEN"));
    // The access token is good for some minutes more, but opens nothing.
    assert_eq!(app.get(ME).by(&ada).send().await.refusal(), (404, "USER_NOT_FOUND"));
    assert_eq!(app.get(&format!("{ME}/addresses")).by(&ada).send().await.refusal(), (404, "USER_NOT_FOUND"));
    let address = json!({"first_name": "A", "last_name": "Q", "line1": "1", "city": "Leeds", "country": "GB"});
    let added = app.post(&format!("{ME}/addresses")).by(&ada).json(address).send().await;
    assert_eq!(added.refusal(), (404, "USER_NOT_FOUND"));
    assert_eq!(app.patch(ME).by(&ada).json(json!({"first_name": "X"})).send().await.refusal(), (404, "USER_NOT_FOUND"));
    assert_eq!(app.delete(ME).by(&ada).send().await.refusal(), (404, "USER_NOT_FOUND"));
    let found = app.get(&format!("/api/v1/users/{}", ada.user_id)).by(&admin).send().await;
    assert_eq!(found.refusal(), (404, "USER_NOT_FOUND"));

    let new = app.customer("ada@example.com").await;
    assert_ne!(new.user_id, ada.user_id);
}

#[tokio::test]
async fn a_repeated_erasure_is_recognised_by_its_key() {
    let app = App::new().await;
    let ada = app.customer("ada@example.com").await;
    let erase = || app.delete(ME).by(&ada).key("erase-ada-0000001").send();
    assert_eq!(erase().await.status, 204);
    assert_eq!(erase().await.status, 204);
    assert_eq!(app.events(&ada.user_id).await.len(), 2);
}
