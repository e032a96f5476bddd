//! `refresh`, `logout`, and how sessions end.

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Answer, App, PASSWORD, Session};

const KEY: &str = "refresh-key-00001";

fn next(answer: &Answer) -> String {
    answer.data(200)["refresh_token"].as_str().unwrap().to_owned()
}

async fn refresh_with_key(app: &App, token: &str) -> Answer {
    app.post("/api/v1/auth/refresh").key(KEY).json(json!({"refresh_token": token})).send().await
}

#[tokio::test]
async fn each_refresh_gives_another_token_of_the_same_session() {
    let app = App::new().await;
    let ada = app.customer("ada@example.com").await;
    let answer = app.refresh(&ada.refresh_token).await;
    let second = next(&answer);
    assert_ne!(second, ada.refresh_token);
    let access = answer.data(200)["access_token"].as_str().unwrap();
    let session = app.verifier.verify(&ada.access_token).unwrap().session;
    assert_eq!(app.verifier.verify(access).unwrap().session, session);
    let third = next(&app.refresh(&second).await);
    assert_ne!(third, second);
    assert_eq!(app.count("SELECT count(*) FROM sessions").await, 1);
}

#[tokio::test]
async fn a_used_token_that_comes_again_ends_the_session_and_no_other() {
    let app = App::new().await;
    let ada = app.customer("ada@example.com").await;
    let elsewhere = next(&app.login("ada@example.com").await);
    let second = next(&app.refresh(&ada.refresh_token).await);
    assert_eq!(app.refresh(&ada.refresh_token).await.refusal(), (401, "REFRESH_TOKEN_REUSED"));
    assert_eq!(app.refresh(&second).await.refusal(), (401, "INVALID_REFRESH_TOKEN"));
    app.refresh(&elsewhere).await.data(200);
}

#[tokio::test]
async fn of_many_refreshes_at_once_one_wins_and_the_session_ends() {
    let app = App::new().await;
    let ada = app.customer("ada@example.com").await;
    let answers = join_all((0..12).map(|_| app.refresh(&ada.refresh_token))).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!(won.len(), 1);
    assert!(lost.iter().all(|answer| answer.refusal() == (401, "REFRESH_TOKEN_REUSED")));
    assert_eq!(app.refresh(&next(won[0])).await.refusal(), (401, "INVALID_REFRESH_TOKEN"));
    assert_eq!(app.count("SELECT count(*) FROM refresh_tokens").await, 2);
}

#[tokio::test]
async fn a_client_that_lost_the_answer_gets_it_again_with_its_key() {
    let app = App::new().await;
    let ada = app.customer("ada@example.com").await;
    let first = next(&refresh_with_key(&app, &ada.refresh_token).await);
    assert_eq!(next(&refresh_with_key(&app, &ada.refresh_token).await), first);
    app.refresh(&first).await.data(200);
    // The answer was put to use: whoever asks again now is somebody else.
    assert_eq!(refresh_with_key(&app, &ada.refresh_token).await.refusal(), (401, "REFRESH_TOKEN_REUSED"));
}

#[tokio::test]
async fn a_minute_later_the_key_helps_no_more() {
    let app = App::new().await;
    let ada = app.customer("ada@example.com").await;
    let first = next(&refresh_with_key(&app, &ada.refresh_token).await);
    app.clock.advance(TimeDelta::seconds(61));
    assert_eq!(refresh_with_key(&app, &ada.refresh_token).await.refusal(), (401, "REFRESH_TOKEN_REUSED"));
    assert_eq!(app.refresh(&first).await.refusal(), (401, "INVALID_REFRESH_TOKEN"));
}

#[tokio::test]
async fn a_session_ends_after_thirty_idle_days_and_after_ninety_in_all() {
    let app = App::new().await;
    let idle = app.customer("idle@example.com").await;
    let mut busy = app.customer("busy@example.com").await.refresh_token;
    for _ in 0..3 {
        app.clock.advance(TimeDelta::days(29));
        busy = next(&app.refresh(&busy).await);
    }
    assert_eq!(app.refresh(&idle.refresh_token).await.refusal(), (401, "INVALID_REFRESH_TOKEN"));
    app.clock.advance(TimeDelta::days(4));
    assert_eq!(app.refresh(&busy).await.refusal(), (401, "INVALID_REFRESH_TOKEN"));
    assert!(users::ops::purge_sessions(&app.users).await.unwrap() > 0);
    assert_eq!(app.count("SELECT count(*) FROM sessions").await, 0);
    assert_eq!(app.count("SELECT count(*) FROM refresh_tokens").await, 0);
}

#[tokio::test]
async fn the_purge_leaves_what_is_alive() {
    let app = App::new().await;
    let ada = app.customer("ada@example.com").await;
    assert_eq!(users::ops::purge_sessions(&app.users).await.unwrap(), 0);
    app.refresh(&ada.refresh_token).await.data(200);
}

#[tokio::test]
async fn a_logout_ends_the_session_and_can_be_repeated() {
    let app = App::new().await;
    let ada = app.customer("ada@example.com").await;
    let logout = || app.post("/api/v1/auth/logout").json(json!({"refresh_token": ada.refresh_token})).send();
    assert_eq!(logout().await.status, 204);
    assert_eq!(logout().await.status, 204);
    assert_eq!(app.refresh(&ada.refresh_token).await.refusal(), (401, "INVALID_REFRESH_TOKEN"));
    let unknown = app.post("/api/v1/auth/logout").json(json!({"refresh_token": "unknown"})).send().await;
    assert_eq!(unknown.status, 204);
}

#[tokio::test]
async fn what_is_no_refresh_token_is_refused() {
    let app = App::new().await;
    assert_eq!(app.refresh(&"x".repeat(43)).await.refusal(), (401, "INVALID_REFRESH_TOKEN"));
    for token in [json!(""), json!("ä"), json!("a\0b"), json!("x".repeat(257)), Value::Null] {
        let answer = app.post("/api/v1/auth/refresh").json(json!({"refresh_token": token})).send().await;
        assert_eq!(answer.refusal(), (422, "VALIDATION_FAILED"));
    }
}

#[tokio::test]
async fn an_access_token_ends_with_its_session_and_no_other() {
    let app = App::new().await;
    let me = async |session: &Session| app.get("/api/v1/users/me").by(session).send().await.status.as_u16();
    let ada = app.customer("ada@example.com").await;
    let bob = app.customer("bob@example.com").await;
    app.post("/api/v1/auth/logout").json(json!({"refresh_token": ada.refresh_token})).send().await;
    assert_eq!((me(&ada).await, me(&bob).await), (401, 200), "signed out");

    app.refresh(&bob.refresh_token).await.data(200);
    assert_eq!(me(&bob).await, 200);
    assert_eq!(app.refresh(&bob.refresh_token).await.refusal(), (401, "REFRESH_TOKEN_REUSED"));
    assert_eq!(me(&bob).await, 401, "somebody has a copy");

    let (eve, admin) = (app.customer("eve@example.com").await, app.admin().await);
    app.post(&format!("/api/v1/admin/users/{}/suspend", eve.user_id)).by(&admin).send().await.data(200);
    assert_eq!((me(&eve).await, me(&admin).await), (401, 200), "suspended");

    let zoe = app.customer("zoe@example.com").await;
    let elsewhere = app.session(zoe.user_id.clone(), "zoe@example.com").await;
    let change = json!({"password": "another long password", "current_password": PASSWORD});
    app.patch("/api/v1/users/me").by(&zoe).json(change).send().await.data(200);
    assert_eq!((me(&zoe).await, me(&elsewhere).await), (200, 401), "another password ends the other sessions");
}

#[tokio::test]
async fn a_process_that_begins_knows_which_sessions_have_ended() {
    let app = App::new().await;
    let (ada, bob) = (app.customer("ada@example.com").await, app.customer("bob@example.com").await);
    app.post("/api/v1/auth/logout").json(json!({"refresh_token": ada.refresh_token})).send().await;
    let restarted = app.restarted();
    assert_eq!(restarted.get("/api/v1/users/me").by(&ada).send().await.status, 200, "it has not asked yet");
    users::ops::recall_ended_sessions(&restarted.users).await.unwrap();
    assert_eq!(restarted.get("/api/v1/users/me").by(&ada).send().await.refusal(), (401, "INVALID_TOKEN"));
    assert_eq!(restarted.get("/api/v1/users/me").by(&bob).send().await.status, 200);
}
