//! What staff may do, and others may not.

use contracts::users::UsersClient;
use kernel::{Context, Scopes};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use users::Error;
use users::ops::AdminOutcome;
use uuid::Uuid;

use crate::support::{App, PASSWORD};

const LIST: &str = "/api/v1/admin/users";

#[tokio::test]
async fn an_account_is_shown_to_itself_and_to_staff_and_not_there_for_others() {
    let app = App::new().await;
    let (ada, eve, admin) =
        (app.customer("ada@example.com").await, app.customer("eve@example.com").await, app.admin().await);
    let path = format!("/api/v1/users/{}", ada.user_id);
    assert_eq!(app.get(&path).by(&ada).send().await.data(200)["email"], "ada@example.com");
    assert_eq!(app.get(&path).by(&admin).send().await.data(200)["email"], "ada@example.com");
    assert_eq!(app.get(&path).by(&eve).send().await.refusal(), (404, "USER_NOT_FOUND"));
    let nobody = format!("/api/v1/users/{}", Uuid::nil());
    assert_eq!(app.get(&nobody).by(&admin).send().await.refusal(), (404, "USER_NOT_FOUND"));
    assert_eq!(app.get("/api/v1/users/7").by(&admin).send().await.refusal(), (400, "INVALID_PATH"));
}

#[tokio::test]
async fn staff_find_an_account_by_its_address() {
    let app = App::new().await;
    let (ada, admin) = (app.customer("ada@example.com").await, app.admin().await);
    let found = app.get(&format!("{LIST}?email=ADA%40example.com")).by(&admin).send().await;
    assert_eq!(found.data(200)[0]["id"], ada.user_id.as_str());
    let none = app.get(&format!("{LIST}?email=nobody%40example.com")).by(&admin).send().await;
    assert_eq!(none.data(200), &json!([]));
    assert_eq!(app.get(&format!("{LIST}?email=x")).by(&admin).send().await.refusal(), (422, "VALIDATION_FAILED"));
    assert_eq!(app.get(&format!("{LIST}?mail=x")).by(&admin).send().await.refusal(), (400, "INVALID_QUERY"));
    assert_eq!(app.get(LIST).by(&ada).send().await.refusal(), (403, "SCOPE_MISSING"));
    assert_eq!(app.get(LIST).send().await.refusal(), (401, "TOKEN_MISSING"));
}

#[tokio::test]
async fn pages_of_the_list_neither_skip_nor_repeat() {
    let app = App::new().await;
    let admin = app.admin().await;
    for n in 0..7 {
        app.register(&format!("user{n}@example.com")).await.data(201);
    }
    let (mut seen, mut path) = (Vec::new(), format!("{LIST}?limit=3"));
    loop {
        let page = app.get(&path).by(&admin).send().await;
        seen.extend(page.data(200).as_array().unwrap().iter().map(|user| user["email"].as_str().unwrap().to_owned()));
        let Some(next) = page.body["meta"]["page"]["next_cursor"].as_str() else { break };
        path = format!("{LIST}?limit=3&cursor={next}");
        app.register(&format!("late{}@example.com", seen.len())).await.data(201);
    }
    let expected: Vec<_> =
        (0..7).rev().map(|n| format!("user{n}@example.com")).chain(["admin@shop.example".into()]).collect();
    assert_eq!(seen, expected);
    for (query, refusal) in [("limit=0", 422), ("limit=101", 422), ("cursor=tampered", 400), ("limit=x", 400)] {
        assert_eq!(app.get(&format!("{LIST}?{query}")).by(&admin).send().await.status, refusal, "{query}");
    }
}

#[tokio::test]
async fn a_suspended_account_is_out_and_only_its_owner_is_told_why() {
    let app = App::new().await;
    let (ada, admin) = (app.customer("ada@example.com").await, app.admin().await);
    let path = format!("{LIST}/{}/suspend", ada.user_id);
    assert_eq!(app.post(&path).by(&ada).send().await.refusal(), (403, "SCOPE_MISSING"));
    let suspended = app.post(&path).by(&admin).send().await;
    assert_eq!((&suspended.data(200)["status"], &suspended.data(200)["version"]), (&json!("suspended"), &json!(2)));
    assert_eq!(app.post(&path).by(&admin).send().await.data(200)["version"], 2, "a repeat changes nothing");
    assert_eq!(app.events(&ada.user_id).await[1].2, json!({"changed": ["status"]}));

    assert_eq!(app.login("ada@example.com").await.refusal(), (403, "USER_SUSPENDED"));
    let wrong = json!({"email": "ada@example.com", "password": "wrong password"});
    let wrong = app.post("/api/v1/auth/login").json(wrong).send().await;
    assert_eq!(wrong.refusal(), (401, "INVALID_CREDENTIALS"));
    assert_eq!(app.refresh(&ada.refresh_token).await.refusal(), (401, "INVALID_REFRESH_TOKEN"));
    app.assert_sound().await;
}

#[tokio::test]
async fn a_suspension_and_a_refresh_at_once_end_with_a_closed_account() {
    let app = App::new().await;
    let admin = app.admin().await;
    for n in 0..8 {
        let user = app.customer(&format!("user{n}@example.com")).await;
        let path = format!("{LIST}/{}/suspend", user.user_id);
        let (suspended, refreshed) = tokio::join!(app.post(&path).by(&admin).send(), app.refresh(&user.refresh_token));
        assert_eq!(suspended.status, 200);
        if refreshed.status == 200 {
            let next = refreshed.data(200)["refresh_token"].as_str().unwrap();
            assert_eq!(app.refresh(next).await.refusal(), (401, "INVALID_REFRESH_TOKEN"));
        } else {
            assert_eq!(refreshed.refusal(), (401, "INVALID_REFRESH_TOKEN"));
        }
    }
    app.assert_sound().await;
}

#[tokio::test]
async fn nobody_suspends_themselves_or_who_is_not_there() {
    let app = App::new().await;
    let admin = app.admin().await;
    let suspend = |id: String| app.post(&format!("{LIST}/{id}/suspend")).by(&admin).send();
    assert_eq!(suspend(admin.user_id.clone()).await.refusal(), (409, "CANNOT_SUSPEND_SELF"));
    assert_eq!(suspend(Uuid::nil().to_string()).await.refusal(), (404, "USER_NOT_FOUND"));
}

#[tokio::test]
async fn an_admin_is_made_once_and_a_customer_is_promoted_only_when_asked() {
    let app = App::new().await;
    let (boss, outcome) = app.create_admin("boss@example.com", PASSWORD, false).await.unwrap();
    assert_eq!(outcome, AdminOutcome::Created);
    let (again, outcome) = app.create_admin("Boss@example.com", "some other password", false).await.unwrap();
    assert_eq!((again.id, outcome), (boss.id, AdminOutcome::Unchanged));
    let token = app.login("boss@example.com").await.data(200)["access_token"].as_str().unwrap().to_owned();
    assert_eq!(app.verifier.verify(&token).unwrap().scopes, Scopes::all());

    let ada = app.customer("ada@example.com").await;
    assert!(matches!(app.create_admin("ada@example.com", PASSWORD, false).await, Err(Error::EmailTaken)));
    let (promoted, outcome) = app.create_admin("ada@example.com", "some other password", true).await.unwrap();
    assert_eq!((promoted.id.to_string(), outcome), (ada.user_id.clone(), AdminOutcome::Promoted));
    let answer = app.refresh(&ada.refresh_token).await;
    let token = answer.data(200)["access_token"].as_str().unwrap();
    assert_eq!(app.verifier.verify(token).unwrap().scopes, Scopes::all(), "the next token has the new role's scopes");
    app.assert_sound().await;
}

#[tokio::test]
async fn other_roles_learn_the_contact_of_an_active_user() {
    let app = App::new().await;
    let (ada, admin) = (app.customer("ada@example.com").await, app.admin().await);
    let client = UsersClient::local(Arc::clone(&app.users) as Arc<dyn contracts::users::Users>);
    let context = Context::system("test", Duration::from_secs(10));
    let id = ada.user_id.parse().unwrap();
    assert_eq!(client.contact(&context, id).await.unwrap().email, "ada@example.com");
    app.post(&format!("{LIST}/{id}/suspend")).by(&admin).send().await.data(200);
    assert_eq!(client.contact(&context, id).await.unwrap_err().code, "USER_NOT_FOUND");
    assert_eq!(client.contact(&context, Uuid::nil()).await.unwrap_err().code, "USER_NOT_FOUND");
}
