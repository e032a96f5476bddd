//! No personal data outside of the process: not in a dump, not in the log.

use std::io::Write;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;
use tradepost_tests::TestShop;

use crate::TOPOLOGY;

/// What a customer tells the shop. None of it may be found.
const PERSONAL: [&str; 7] = [
    "marigold.quill",
    "Marigolda",
    "Quillfeather",
    "Hidden Lane 77",
    "Nowhereville",
    "49301234567",
    "passphrase of hers",
];

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn dump(url: &str) -> String {
    let url = url.split_once('?').map_or(url, |(address, _)| address);
    let output = Command::new("pg_dump").args(["--inserts", url]).output().expect("pg_dump runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn assert_nothing_personal(place: &str, text: &str) {
    let lower = text.to_lowercase();
    for word in PERSONAL {
        let word = word.to_lowercase();
        assert!(!lower.contains(&word), "`{word}` is in {place}");
        // What is kept as bytes is dumped in hexadecimal.
        let hex = word.bytes().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        assert!(!lower.contains(&hex), "`{word}` is in {place} as bytes");
    }
}

/// One test alone in its binary's process would be needed to catch the log of other threads by a scoped subscriber: the
/// global one catches all tests of this binary, which use none of the words.
#[tokio::test(flavor = "multi_thread")]
async fn a_dump_and_the_log_hold_no_personal_data_and_no_secret() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_env_filter("trace,hyper=info,h2=info").with_writer(log.clone());
    subscriber.try_init().expect("no other test of this binary logs");

    let shop = TestShop::start(TOPOLOGY).await;
    let variant = shop.add_variant(5).await;
    let body = json!({
        "email": "marigold.quill@mail.example", "password": "a passphrase of hers", "first_name": "Marigolda",
        "last_name": "Quillfeather", "phone": "+49301234567",
    });
    shop.guest().post("/api/v1/auth/register", body).await.expect(201);
    let customer = shop.guest().sign_in("marigold.quill@mail.example", "a passphrase of hers").await;
    let address = json!({
        "first_name": "Marigolda", "last_name": "Quillfeather", "line1": "Hidden Lane 77", "city": "Nowhereville",
        "postal_code": "10115", "country": "DE", "phone": "+49301234567",
    });
    customer.post("/api/v1/users/me/addresses", address.clone()).await.expect(201);
    let cart = customer.ready_cart(&variant, 1).await;
    let change = json!({ "email": "marigold.quill@mail.example", "shipping_address": address });
    customer.patch(&format!("/api/v1/carts/{cart}"), change).await.expect(200);
    let order = customer.complete(&cart, Some("a-key-of-sufficient-length")).await.expect(201);
    assert_eq!(order["shipping_address"]["city"], "Nowhereville", "the owner sees it");
    // Failures are where logs tell too much.
    shop.guest()
        .post(
            "/api/v1/auth/login",
            json!({ "email": "marigold.quill@mail.example", "password": "wrong passphrase of hers" }),
        )
        .await;
    shop.guest()
        .post("/api/v1/auth/register", json!({ "email": "marigold.quill@mail.example", "first_name": 1 }))
        .await;

    let [users, _, orders, _] = shop.databases();
    assert_nothing_personal("the dump of users", &dump(users.urls().owner.expose()));
    assert_nothing_personal("the dump of orders", &dump(orders.urls().owner.expose()));
    shop.stop().await;
    let text = String::from_utf8_lossy(&log.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned();
    assert!(text.contains("operation"), "something was logged");
    assert_nothing_personal("the log", &text);
    for secret in ["$2b$", "BEGIN PRIVATE KEY", "eyJ0eXAi"] {
        assert!(!text.contains(secret), "`{secret}` is in the log");
    }
}
