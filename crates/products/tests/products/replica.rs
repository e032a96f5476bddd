//! Reads from a replica that lags, and without it: nobody can tell.

use std::time::Duration;

use futures_util::future::join_all;
use kernel::Scope;
use runtime::Tasks;
use serde_json::{Value, json};
use test_kit::Replicated;

use crate::support::Shop;

const NAME: &str = "query ($slug: String!) { product(slug: $slug) { name } }";
const RENAME: &str = "mutation ($id: UUID!, $input: ProductUpdateInput!) { productUpdate(id: $id, input: $input) { userErrors { code } } }";

/// A shop on a primary and a replica, with a product called `mug` that both have.
struct Pair {
    servers: Replicated,
    shop: Shop,
    product: uuid::Uuid,
    writer: String,
    tasks: Tasks,
}

impl Pair {
    async fn open() -> Self {
        let servers = Replicated::start(&products::SCHEMA).await;
        let shop = Shop::over(servers.db().clone(), &products::Config::default());
        let tasks = Tasks::new();
        products::jobs::start(&shop.products, &tasks);
        let (product, _) = shop.product("mug", 990, 5).await;
        let writer = shop.token(&[Scope::ReadProducts, Scope::WriteProducts]);
        let pair = Self { servers, shop, product, writer, tasks };
        while !pair.shop.products.reads_from_replica() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        pair
    }

    async fn name_for(&self, token: Option<&str>) -> Value {
        let answer = self.shop.post(&json!({ "query": NAME, "variables": { "slug": "mug" } }), token).await;
        assert_eq!(answer.body["errors"], Value::Null);
        answer.body["data"]["product"]["name"].clone()
    }

    async fn rename(&self, name: &str) {
        let variables = json!({ "id": self.product, "input": { "name": name } });
        let answer = self.shop.post(&json!({ "query": RENAME, "variables": variables }), Some(&self.writer)).await;
        assert_eq!(answer.body["data"]["productUpdate"]["userErrors"], json!([]), "{}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_sees_the_change_while_the_replica_does_not_have_it() {
    let pair = Pair::open().await;
    let other = pair.shop.token(&[Scope::ReadProducts]);
    let old = pair.name_for(Some(&other)).await;
    pair.servers.pause().await;
    pair.rename("New").await;
    assert_eq!(pair.name_for(Some(&pair.writer)).await, "New", "the writer");
    assert_eq!(pair.name_for(None).await, "New", "a customer, whose answers are kept: as on the primary");
    assert_eq!(pair.name_for(None).await, "New", "and again, from what was kept");
    assert_eq!(pair.name_for(Some(&other)).await, old, "other staff read the replica, which is behind");
    pair.servers.resume().await;
    while pair.name_for(Some(&other)).await != "New" {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    pair.tasks.shutdown(Duration::from_secs(10)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_of_a_lagging_replica_is_not_kept_as_if_it_were_new() {
    let pair = Pair::open().await;
    pair.servers.pause().await;
    for n in 0..5 {
        let name = format!("Name {n}");
        pair.rename(&name).await;
        assert_eq!(pair.name_for(None).await, name.as_str());
    }
    pair.servers.resume().await;
    assert_eq!(pair.name_for(None).await, "Name 4");
    pair.tasks.shutdown(Duration::from_secs(10)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_replica_is_no_error_for_anybody() {
    let pair = Pair::open().await;
    let staff = pair.shop.token(&[Scope::ReadProducts]);
    pair.name_for(Some(&staff)).await;
    pair.servers.freeze_replica();
    // Before the watch has seen it, and after.
    let ask = async || {
        pair.name_for(Some(&staff)).await;
        pair.shop.ask("{ products { nodes { name } } }").await;
    };
    join_all((0..20).map(|_| ask())).await;
    while pair.shop.products.reads_from_replica() {
        ask().await;
    }
    pair.rename("New").await;
    assert_eq!(pair.name_for(Some(&staff)).await, "New", "all staff read the primary");
    pair.servers.thaw_replica();
    while !pair.shop.products.reads_from_replica() {
        ask().await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    pair.tasks.shutdown(Duration::from_secs(10)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_replica_is_no_error_for_anybody() {
    let mut pair = Pair::open().await;
    let staff = pair.shop.token(&[Scope::ReadProducts]);
    pair.name_for(Some(&staff)).await;
    pair.servers.kill_replica();
    // Before the watch has seen it, and after.
    for _ in 0..20 {
        pair.name_for(Some(&staff)).await;
        pair.shop.ask("{ products { nodes { name } } }").await;
    }
    while pair.shop.products.reads_from_replica() {
        pair.name_for(Some(&staff)).await;
    }
    pair.name_for(Some(&staff)).await;
    pair.tasks.shutdown(Duration::from_secs(10)).await.unwrap();
}
