//! 100 units of one variant and 400 buyers at once.

use anyhow::{Context, ensure};
use serde_json::json;

use crate::load::{self, buy};
use crate::processes::Cpu;
use crate::report::{Aim, Report};
use crate::shop::Shop;

const UNITS: u64 = 100;
const BUYERS: usize = 400;
/// What makes the product, and those of `checkout`.
const MAKE: &str = "mutation($input: ProductCreateInput!) { productCreate(input: $input) { \
    product { variants { id } } userErrors { code field } } }";

/// Takes the figure.
pub async fn measure(shop: &Shop, report: &mut Report) -> anyhow::Result<()> {
    let token = shop.staff_token().await?;
    let variant = make_product(shop, &token, "flash", UNITS).await?;
    let address = shop.address()?;
    let plan = buy::Plan { address, customers: BUYERS, seconds: None, each: 1, variants: vec![variant.clone()] };
    let before = Cpu::now(shop.pid()?, shop.postgres_pid()?)?;
    let outcome: buy::Outcome = load::run("buy", &plan).await?;
    let cost = Cpu::now(shop.pid()?, shop.postgres_pid()?)?.since(before, u64::try_from(BUYERS)?);
    let left = shop
        .superuser("products")?
        .number(&format!("SELECT sum(on_hand - reserved)::bigint FROM inventory_levels WHERE variant_id = '{variant}'"))
        .await?;
    let refused: u64 = outcome.refused.values().sum();
    ensure!(
        outcome.placed == UNITS && left == 0,
        "{} orders of {UNITS} units, {left} left: {:?}",
        outcome.placed,
        outcome.refused
    );
    ensure!(outcome.placed + refused == u64::try_from(BUYERS)?, "not every buyer has an answer");
    #[expect(clippy::cast_precision_loss)] // hundreds
    report.add("flash", "orders of 100 units, 400 buyers at once", "", &[outcome.placed as f64], None);
    report.add("flash", "seconds to the last answer", "s", &[outcome.seconds], Some(Aim::AtMost(5.0)));
    report.add("flash", "CPU per buyer, Tradepost", "ms", &[cost.program], None);
    report.add("flash", "CPU per buyer, PostgreSQL", "ms", &[cost.postgres], None);
    report.note(format!("flash: {refused} refused: {:?}.", outcome.refused));
    Ok(())
}

/// Makes a product with one variant and gives the variant.
pub async fn make_product(shop: &Shop, token: &str, name: &str, units: u64) -> anyhow::Result<String> {
    let price = json!({"currency": "EUR", "amount": 1999});
    let variant = json!({"sku": format!("BENCH-{name}"), "name": name, "prices": [price], "onHand": units});
    let input = json!({"input": {"name": format!("Bench {name}"), "variants": [variant]}});
    let made = shop.graphql(Some(token), MAKE, &input).await?;
    let id = made["productCreate"]["product"]["variants"][0]["id"].as_str();
    id.map(str::to_owned).with_context(|| format!("the product was refused: {made}"))
}
