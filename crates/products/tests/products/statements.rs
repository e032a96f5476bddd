//! How many SQL statements a request takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::{Layer, Registry};

use crate::support::Shop;

/// Counts the statements that are logged as run.
#[derive(Clone, Default)]
struct Statements(Arc<AtomicUsize>);

impl Layer<Registry> for Statements {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, Registry>) {
        if event.metadata().target() == "sqlx::query" {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Everything that hangs on a product.
const EVERYTHING: &str = "query ($first: Int!) { products(first: $first, sort: NAME) { nodes {
    slug price { amount } category { slug ancestors { slug } } images { url }
    variants { sku price { price { amount } } prices { price { amount } } inventoryCount
               inventoryLevels { onHand location { name } } } } } }";

#[tokio::test]
async fn the_statements_of_a_request_do_not_grow_with_its_rows() {
    let statements = Statements::default();
    let _guard = tracing::subscriber::set_default(Registry::default().with(statements.clone()));
    let shop = Shop::open().await;
    let category = shop.category("Kitchen", None).await;
    for n in 0..30 {
        shop.product_in(Some(category), &format!("p{n:02}"), 100 + n, 1).await;
    }
    // Categories are kept in memory: loaded once, outside of the count.
    shop.staff(EVERYTHING, json!({ "first": 1 })).await;
    let mut counts = Vec::new();
    for first in [1, 10, 30] {
        let before = statements.0.load(Ordering::Relaxed);
        let answer = shop.staff(EVERYTHING, json!({ "first": first })).await;
        assert_eq!(answer["products"]["nodes"].as_array().map(Vec::len), Some(first));
        counts.push(statements.0.load(Ordering::Relaxed) - before);
    }
    // The page, variants, pictures, prices, levels, locations.
    assert_eq!(counts, [6, 6, 6]);
}

#[tokio::test]
async fn a_kept_answer_takes_no_statement() {
    let statements = Statements::default();
    let _guard = tracing::subscriber::set_default(Registry::default().with(statements.clone()));
    let shop = Shop::open().await;
    shop.product("board", 100, 1).await;
    let query = "{ product(slug: \"board\") { name variants { sku } } }";
    let first = shop.ask(query).await;
    let before = statements.0.load(Ordering::Relaxed);
    assert_eq!(shop.ask(query).await, first);
    assert_eq!(statements.0.load(Ordering::Relaxed), before);
}
