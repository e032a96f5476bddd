//! A repeated request has one effect and one answer.

use std::time::Duration;

use crypto::{Keyring, KeyringConfig};
use kernel::{Actor, Context, Failure, IdempotencyKey, Scopes};
use messaging::{Idempotency, Once};
use pg::{DatabaseConfig, Db};
use serde::{Deserialize, Serialize};
use test_kit::TestDb;
use uuid::Uuid;

use crate::support::{SCHEMA, count};

#[derive(Serialize)]
struct Buy {
    email: &'static str,
    quantity: u32,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Bought {
    id: Uuid,
    note: String,
}

const BUY: Buy = Buy { email: "ada@example.com", quantity: 1 };

fn idempotency(db: &Db) -> Idempotency {
    Idempotency::new(db.clone(), Keyring::new(&KeyringConfig::generate()).unwrap())
}

fn context(actor: Actor, key: Option<&str>) -> Context {
    let key = key.map(|key| IdempotencyKey::parse(key).unwrap());
    Context { actor, idempotency_key: key, ..Context::system("test", Duration::from_secs(10)) }
}

fn guest(key: &str) -> Context {
    context(Actor::Anonymous, Some(key))
}

async fn buy(idempotency: &Idempotency, ctx: &Context, command: &Buy) -> Result<(Bought, bool), Failure> {
    match idempotency.begin(ctx, "buy", command).await? {
        Once::Replay(answer) => Ok((answer, true)),
        Once::First(mut tx) => {
            let id = sqlx::query_scalar("INSERT INTO objects DEFAULT VALUES RETURNING id").fetch_one(tx.conn()).await;
            let answer = Bought { id: id.unwrap(), note: format!("thanks, {}", command.email) };
            tx.finish(&answer).await?;
            Ok((answer, false))
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_at_once_have_one_effect_and_equal_answers() {
    let test = TestDb::new(&SCHEMA).await;
    let config = DatabaseConfig { url: test.urls().app.clone(), max_connections: 50, ..DatabaseConfig::default() };
    let db = Db::connect("ground", &config).await.unwrap();
    let idempotency = idempotency(&db);
    let requests: Vec<_> = (0..50)
        .map(|_| {
            let idempotency = idempotency.clone();
            tokio::spawn(async move { buy(&idempotency, &guest("the-same-key-for-all"), &BUY).await })
        })
        .collect();
    let mut answers = Vec::new();
    for request in requests {
        match request.await.unwrap() {
            Ok((answer, _)) => answers.push(answer),
            Err(failure) => assert_eq!((&*failure.code, failure.retry_after), ("REQUEST_IN_PROGRESS", Some(1))),
        }
    }
    assert!(!answers.is_empty());
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(count(&db, "objects").await, 1);
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer_and_another_body_is_refused() {
    let test = TestDb::new(&SCHEMA).await;
    let idempotency = idempotency(test.db());
    let first = buy(&idempotency, &guest("0123456789abcdef"), &BUY).await.unwrap();
    let second = buy(&idempotency, &guest("0123456789abcdef"), &BUY).await.unwrap();
    assert_eq!((&first.0, first.1, second.1), (&second.0, false, true));
    let more = Buy { quantity: 2, ..BUY };
    let refused = buy(&idempotency, &guest("0123456789abcdef"), &more).await.unwrap_err();
    assert_eq!((&*refused.code, refused.kind), ("IDEMPOTENCY_KEY_REUSED", kernel::ErrorKind::Invalid));
    assert_eq!(count(test.db(), "objects").await, 1);
}

#[tokio::test]
async fn a_key_belongs_to_one_actor_and_without_one_each_request_counts() {
    let test = TestDb::new(&SCHEMA).await;
    let idempotency = idempotency(test.db());
    let user = || Actor::User { id: Uuid::new_v4(), session: Uuid::new_v4(), scopes: Scopes::default() };
    for ctx in [
        guest("0123456789abcdef"),
        context(user(), Some("0123456789abcdef")),
        context(user(), Some("0123456789abcdef")),
        context(Actor::Anonymous, None),
        context(Actor::Anonymous, None),
    ] {
        assert!(!buy(&idempotency, &ctx, &BUY).await.unwrap().1);
    }
    assert_eq!(count(test.db(), "objects").await, 5);
}

#[tokio::test]
async fn a_running_request_refuses_its_repeat_and_a_failed_one_frees_the_key() {
    let test = TestDb::new(&SCHEMA).await;
    let idempotency = idempotency(test.db());
    let ctx = guest("0123456789abcdef");
    let Once::First(running) = idempotency.begin::<Bought>(&ctx, "buy", &BUY).await.unwrap() else {
        panic!("the key is new");
    };
    assert_eq!(buy(&idempotency, &ctx, &BUY).await.unwrap_err().code, "REQUEST_IN_PROGRESS");
    drop(running);
    crate::support::eventually("the key is free", || async { buy(&idempotency, &ctx, &BUY).await.is_ok() }).await;
    assert_eq!(count(test.db(), "objects").await, 1);
}

#[tokio::test]
async fn after_a_day_a_key_is_new_again_and_nothing_kept_can_be_read() {
    let test = TestDb::new(&SCHEMA).await;
    let idempotency = idempotency(test.db());
    let ctx = guest("0123456789abcdef");
    let first = buy(&idempotency, &ctx, &BUY).await.unwrap().0;
    let row: String =
        sqlx::query_scalar("SELECT encode(key_hash || request_hash || answer, 'escape') FROM idempotency_keys")
            .fetch_one(test.owner())
            .await
            .unwrap();
    assert!(!row.contains("ada") && !row.contains("0123456789abcdef") && !row.contains(&first.id.to_string()));

    let age = "UPDATE idempotency_keys SET created_at = now() - interval '25 hours'";
    sqlx::query(age).execute(test.owner()).await.unwrap();
    let second = buy(&idempotency, &ctx, &BUY).await.unwrap();
    assert!(!second.1 && second.0.id != first.id);
    assert!(buy(&idempotency, &ctx, &BUY).await.unwrap().1);
    assert_eq!(messaging::purge(test.db()).await.unwrap(), (0, 0));
    sqlx::query(age).execute(test.owner()).await.unwrap();
    assert_eq!(messaging::purge(test.db()).await.unwrap(), (1, 0));
}
