//! What the roles promise each other, asked of the roles themselves: of their objects, and over gRPC of places that serve them.
//! That the trace goes along is told in `traces`.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::sync::Arc;

use contracts::event_log::{EventLog, EventLogClient};
use contracts::products::ProductsClient;
use contracts::remote::Upstream;
use contracts::suite::{self, Offer, way_to};
use contracts::users::{Contact, UsersClient};
use kernel::Money;
use runtime::http::Role;
use serde_json::json;
use tradepost_tests::{Buyer, TestShop, Topology};

/// The way over gRPC to a role.
fn way(shop: &TestShop, role: Role) -> Upstream {
    let addresses = shop.internal.iter().filter(|(at, _)| *at == role).map(|(_, address)| address.clone());
    way_to(&shop.settings.internal, role.as_str(), &addresses.collect::<Vec<_>>())
}

#[tokio::test(flavor = "multi_thread")]
async fn products_keeps_its_promise_as_an_object_and_over_grpc() {
    let shop = TestShop::start(Topology::Apart).await;
    let products = shop.roles().products().unwrap();
    let over_grpc = ProductsClient::remote(way(&shop, Role::Products));
    for client in [ProductsClient::local(products.clone()), over_grpc] {
        let offer = Offer {
            variant_id: shop.add_variant(9).await.id,
            price: Money::new(2000, "EUR".parse().unwrap()),
            other_currency: "JPY".parse().unwrap(),
            available: 9,
        };
        suite::products(&client, &offer).await;
    }
    assert_eq!(products.findings().await.unwrap(), Vec::<String>::new());
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_keeps_its_promise_as_an_object_and_over_grpc() {
    let shop = TestShop::start(Topology::Apart).await;
    let customer = shop.customer().await.get("/api/v1/users/me").await.expect(200);
    let text = |field: &str| customer[field].as_str().unwrap().to_owned();
    let known = Contact { user_id: text("id").parse().unwrap(), email: text("email") };
    suite::users(&UsersClient::local(shop.roles().users().unwrap().clone()), &known).await;
    suite::users(&UsersClient::remote(way(&shop, Role::Users)), &known).await;
    shop.stop().await;
}

/// Two events or more in the log of each role.
async fn make_events(shop: &TestShop) {
    let (customer, staff) = (shop.customer().await, shop.staff().await);
    for _ in 0..2 {
        let cart = customer.ready_cart(&shop.add_variant(5).await, 1).await;
        customer.complete_for_sure(&cart).await.expect(201);
    }
    disable_and_enable(&staff).await;
    shop.settle().await;
}

async fn disable_and_enable(staff: &Buyer) {
    let endpoint = json!({ "url": "https://merchant.example/hook", "event_types": ["order.*"] });
    let endpoint = staff.post("/api/v1/admin/webhook-endpoints", endpoint).await.expect(201);
    let address = format!("/api/v1/admin/webhook-endpoints/{}", endpoint["endpoint"]["id"].as_str().unwrap());
    for change in ["disable", "enable", "disable"] {
        staff.post(&format!("{address}/{change}"), json!({})).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_log_keeps_its_promise_as_an_object_and_over_grpc() {
    let shop = TestShop::start(Topology::Apart).await;
    make_events(&shop).await;
    let roles = shop.roles();
    let logs: [(Role, Arc<dyn EventLog>); 4] = [
        (Role::Users, roles.users().unwrap().clone()),
        (Role::Products, roles.products().unwrap().clone()),
        (Role::Orders, roles.orders().unwrap().clone()),
        (Role::Webhooks, roles.webhooks().unwrap().clone()),
    ];
    for (role, object) in logs {
        let here = suite::event_log(&EventLogClient::local(object), role.as_str()).await;
        let there = suite::event_log(&EventLogClient::remote(way(&shop, role)), role.as_str()).await;
        assert_eq!(here, there);
    }
    shop.stop().await;
}
