//! Carts: prices, limits, owners, versions.

use http::Method;
use serde_json::json;
use uuid::Uuid;

use crate::support::{Shop, address};

#[tokio::test]
async fn a_cart_is_filled_priced_and_emptied() {
    let shop = Shop::open().await;
    let guest = shop.guest();
    let hat = shop.products.add_variant(11_900, 5);
    let made = guest.post("/api/v1/carts", json!({})).await;
    assert_eq!(made.headers["etag"], "\"1\"");
    let cart = made.data(201);
    let path = format!("/api/v1/carts/{}", cart["id"].as_str().unwrap());
    assert_eq!(cart["currency"], "EUR");
    let blockers = |cart: &serde_json::Value| -> Vec<String> {
        cart["blockers"].as_array().unwrap().iter().map(|b| b["code"].as_str().unwrap().to_owned()).collect()
    };
    let all = [
        "CART_EMPTY",
        "EMAIL_MISSING",
        "SHIPPING_ADDRESS_MISSING",
        "SHIPPING_OPTION_MISSING",
        "PAYMENT_SESSION_MISSING",
    ];
    assert_eq!(blockers(&cart), all);

    let items = format!("{path}/line-items");
    let once = guest.post(&items, json!({"variant_id": hat, "quantity": 2})).await.data(200);
    let twice = guest.post(&items, json!({"variant_id": hat, "quantity": 1})).await.data(200);
    assert_eq!(twice["line_items"].as_array().unwrap().len(), 1, "the same variant is one line");
    assert_eq!(twice["line_items"][0]["quantity"], 3);
    assert_eq!(twice["totals"]["items"], json!({"amount": 35_700, "currency": "EUR"}));
    assert_eq!(twice["totals"]["tax"], json!(null), "no country, no tax");
    let line = format!("{items}/{}", once["line_items"][0]["id"].as_str().unwrap());
    guest.patch(&line, json!({"quantity": 1})).await.data(200);

    let contact = json!({"email": "Ada@Example.com", "shipping_address": address("DE")});
    let addressed = guest.patch(&path, contact).await.data(200);
    assert_eq!(addressed["email"], "ada@example.com");
    assert_eq!(addressed["totals"]["tax"]["amount"], 1_900, "prices include the tax");
    let options = guest.get(&format!("{path}/shipping-options")).await.data(200);
    assert_eq!(options[0]["option"], "standard");
    let option = format!("{path}/shipping-option");
    let shipped = guest.put(&option, json!({"option": "standard"})).await.data(200);
    assert_eq!(shipped["totals"]["total"]["amount"], 11_900 + 490);
    assert_eq!(blockers(&shipped), ["PAYMENT_SESSION_MISSING"]);
    assert_eq!(guest.put(&option, json!({"option": "balloon"})).await.refusal(), (422, "VALIDATION_FAILED"));

    let emptied = guest.delete(&line).await.data(200);
    assert_eq!(emptied["line_items"], json!([]));
    assert_eq!(guest.delete(&line).await.refusal(), (404, "LINE_ITEM_NOT_FOUND"));
    let bare = guest.patch(&path, json!({"email": null})).await.data(200);
    assert_eq!((&bare["email"], &bare["shipping_address"]["city"]), (&json!(null), &json!("Leeds")));
}

#[tokio::test]
async fn what_no_cart_takes_is_refused_and_changes_nothing() {
    let shop = Shop::open().await;
    let guest = shop.guest();
    let hat = shop.products.add_variant(100, 5);
    let path = guest.ready_cart(hat, 1).await;
    let before = guest.get(&path).await.data(200);
    let items = format!("{path}/line-items");
    for (variant, quantity) in [(hat, 0), (hat, -1), (hat, 999), (hat, i64::MAX), (Uuid::new_v4(), 1)] {
        let answer = guest.post(&items, json!({"variant_id": variant, "quantity": quantity})).await;
        assert_eq!(answer.refusal(), (422, "VALIDATION_FAILED"), "{quantity}");
    }
    for body in [
        json!({"variant_id": "x", "quantity": 1}),
        json!({"quantity": 1}),
        json!({"variant_id": hat, "quantity": 1, "price": 0}),
    ] {
        assert_eq!(guest.post(&items, body).await.status, 422);
    }
    let nul = json!({"shipping_address": {"first_name": "A\u{0}", "last_name": "Q", "line1": "x", "city": "y", "country": "DE"}});
    for body in [nul, json!({"email": "no"}), json!({"shipping_address": address("XX")}), json!({"total": 0})] {
        assert_eq!(guest.patch(&path, body).await.refusal(), (422, "VALIDATION_FAILED"));
    }
    for body in [json!({"currency": "JPY"}), json!({"currency": "XXX"}), json!({"currency": "eur"})] {
        assert_eq!(guest.post("/api/v1/carts", body).await.refusal(), (422, "VALIDATION_FAILED"));
    }
    let unknown = format!("/api/v1/carts/{}", Uuid::new_v4());
    assert_eq!(guest.get(&unknown).await.refusal(), (404, "CART_NOT_FOUND"));
    assert_eq!(guest.get("/api/v1/carts/one").await.refusal(), (400, "INVALID_PATH"));
    assert_eq!(guest.get(&path).await.data(200), before);
}

#[tokio::test]
async fn a_users_cart_is_the_users_alone_and_a_guests_becomes_the_users() {
    let shop = Shop::open().await;
    let hat = shop.products.add_variant(100, 5);
    let (ada, bob, guest) = (shop.customer(), shop.customer(), shop.guest());
    let cart = ada.post("/api/v1/carts", json!({})).await.data(201);
    assert_eq!(cart["email"], format!("{}@account.example", ada.user_id.simple()));
    let path = format!("/api/v1/carts/{}", cart["id"].as_str().unwrap());
    for other in [&bob, &guest] {
        assert_eq!(other.get(&path).await.refusal(), (404, "CART_NOT_FOUND"));
        assert_eq!(other.patch(&path, json!({"email": "x@y.example"})).await.refusal(), (404, "CART_NOT_FOUND"));
        assert_eq!(other.complete(&path).await.refusal(), (404, "CART_NOT_FOUND"));
    }
    let found = guest.ready_cart(hat, 1).await;
    bob.get(&found).await.data(200);
    let order = bob.complete(&found).await.data(201);
    assert_eq!(order["user_id"], bob.user_id.to_string());
    assert_eq!(order["email"], "ada@example.com");
    assert_eq!(guest.get(&found).await.refusal(), (404, "CART_NOT_FOUND"));
    shop.assert_sound().await;
}

#[tokio::test]
async fn a_change_over_another_version_is_refused() {
    let shop = Shop::open().await;
    let guest = shop.guest();
    let cart = guest.post("/api/v1/carts", json!({})).await.data(201);
    let path = format!("/api/v1/carts/{}", cart["id"].as_str().unwrap());
    let change = |version: &'static str| {
        let (guest, path) = (guest.clone(), path.clone());
        async move {
            let body = json!({"email": "ada@example.com"});
            guest.send(Method::PATCH, &path, &[("if-match", version)], Some(body)).await
        }
    };
    assert_eq!(change("\"1\"").await.headers["etag"], "\"2\"");
    assert_eq!(change("\"1\"").await.refusal(), (412, "VERSION_MISMATCH"));
}

#[tokio::test]
async fn changes_at_once_all_count() {
    let shop = Shop::open().await;
    let guest = shop.guest();
    let hats: Vec<Uuid> = (0..4).map(|_| shop.products.add_variant(100, 5)).collect();
    let cart = guest.post("/api/v1/carts", json!({})).await.data(201);
    let items = format!("/api/v1/carts/{}/line-items", cart["id"].as_str().unwrap());
    let adding = hats.iter().map(|hat| guest.post(&items, json!({"variant_id": hat, "quantity": 1})));
    for answer in futures_util::future::join_all(adding).await {
        answer.data(200);
    }
    let path = format!("/api/v1/carts/{}", cart["id"].as_str().unwrap());
    let cart = guest.get(&path).await.data(200);
    assert_eq!((cart["line_items"].as_array().unwrap().len(), &cart["version"]), (4, &json!(5)));
}

#[tokio::test]
async fn a_repeated_change_has_one_effect_and_the_first_answer() {
    let shop = Shop::open().await;
    let guest = shop.guest();
    let hat = shop.products.add_variant(100, 50);
    let cart = guest.post("/api/v1/carts", json!({})).await.data(201);
    let items = format!("/api/v1/carts/{}/line-items", cart["id"].as_str().unwrap());
    let key = "0123456789abcdef";
    let body = |quantity: i64| Some(json!({"variant_id": hat, "quantity": quantity}));
    let first = guest.keyed(key, &items, body(2)).await.data(200);
    assert_eq!(guest.keyed(key, &items, body(2)).await.data(200), first);
    assert_eq!(guest.keyed(key, &items, body(3)).await.refusal(), (422, "IDEMPOTENCY_KEY_REUSED"));
    assert_eq!(first["line_items"][0]["quantity"], 2);
}

#[tokio::test]
async fn carts_that_nobody_came_back_to_are_removed() {
    let shop = Shop::open().await;
    let guest = shop.guest();
    let hat = shop.products.add_variant(100, 50);
    let (old, young) = (guest.ready_cart(hat, 1).await, guest.ready_cart(hat, 1).await);
    let id = old.rsplit('/').next().unwrap().parse::<Uuid>().unwrap();
    sqlx::query("UPDATE carts SET updated_at = now() - interval '31 days' WHERE id = $1")
        .bind(id)
        .execute(shop.db.owner())
        .await
        .unwrap();
    assert_eq!(orders::ops::expire_carts(&shop.orders).await.unwrap(), 1);
    assert_eq!(guest.get(&old).await.refusal(), (404, "CART_NOT_FOUND"));
    guest.get(&young).await.data(200);
    assert_eq!(shop.count("SELECT count(*) FROM data_keys").await, 1);
}
