//! Histories of stock under concurrency can be explained by one order of their operations.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Instant;

use contracts::products::{Products as _, Reserved};
use futures_util::future::join_all;
use porcupine_rs::{CheckResult, Model, Operation};
use serde_json::json;
use uuid::Uuid;

use crate::support::{Shop, context};

/// One variant's stock, as it is specified.
#[derive(Clone, Debug)]
struct Stock;

#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
struct State {
    on_hand: i64,
    /// What each order holds; a committed one none.
    held: BTreeMap<usize, i64>,
    committed: BTreeMap<usize, i64>,
}

impl State {
    fn available(&self) -> i64 {
        self.on_hand - self.held.values().sum::<i64>()
    }
}

/// What a client did, and what it was told.
#[derive(Clone, Debug)]
enum Op {
    Reserve { order: usize, units: i64, done: bool },
    Commit { order: usize, done: bool },
    Release { order: usize },
    Set { on_hand: i64, done: bool },
    Read { available: i64 },
}

impl Model for Stock {
    type State = State;
    type Op = Op;
    type Metadata = ();

    fn init() -> State {
        State::default()
    }

    fn step(before: &State, op: &Op) -> (bool, State) {
        let mut state = before.clone();
        let possible = match *op {
            Op::Reserve { units, done: false, .. } => state.available() < units,
            Op::Reserve { order, units, done: true } => {
                let possible = state.available() >= units;
                state.held.insert(order, units);
                possible
            }
            Op::Commit { order, done } => match state.held.remove(&order) {
                Some(units) => {
                    state.on_hand -= units;
                    state.committed.insert(order, units);
                    done
                }
                None => !done,
            },
            Op::Release { order } => {
                state.held.remove(&order);
                state.on_hand += state.committed.remove(&order).unwrap_or(0);
                true
            }
            Op::Set { on_hand, done } => {
                let held: i64 = state.held.values().sum();
                if done {
                    state.on_hand = on_hand;
                }
                done == (on_hand >= held)
            }
            Op::Read { available } => state.available() == available,
        };
        (possible, if possible { state } else { before.clone() })
    }
}

/// Notes when each operation began and ended.
struct History {
    begun: Instant,
    operations: Mutex<Vec<Operation<Stock>>>,
}

impl History {
    fn new() -> Self {
        Self { begun: Instant::now(), operations: Mutex::default() }
    }

    fn now(&self) -> i64 {
        i64::try_from(self.begun.elapsed().as_nanos()).unwrap()
    }

    async fn note(&self, client: u32, operation: impl Future<Output = Op>) -> Op {
        let call_time = self.now();
        let op = operation.await;
        let return_time = self.now();
        let noted = Operation { client_id: Some(client), call_time, return_time, op: op.clone(), metadata: None };
        self.operations.lock().unwrap().push(noted);
        op
    }

    fn check(&self) -> CheckResult {
        let operations = self.operations.lock().unwrap();
        porcupine_rs::check_operations_timeout(&operations, std::time::Duration::from_mins(1))
    }
}

async fn reserve(shop: &Shop, variant: Uuid, orders: &[Uuid], order: usize, units: i64) -> Op {
    let outcome = shop.reserve(orders[order], &[(variant, units)]).await.unwrap();
    Op::Reserve { order, units, done: outcome == Reserved::Yes }
}

async fn commit(shop: &Shop, orders: &[Uuid], order: usize) -> Op {
    Op::Commit { order, done: shop.products.commit(&context(), orders[order]).await.is_ok() }
}

async fn release(shop: &Shop, orders: &[Uuid], order: usize) -> Op {
    shop.products.release(&context(), orders[order]).await.unwrap();
    Op::Release { order }
}

async fn set(shop: &Shop, variant: Uuid, on_hand: i64) -> Op {
    let query =
        "mutation ($input: InventoryLevelSetInput!) { inventoryLevelSet(input: $input) { userErrors { code } } }";
    let answer = shop.staff(query, json!({ "input": { "variantId": variant, "onHand": on_hand } })).await;
    Op::Set { on_hand, done: answer["inventoryLevelSet"]["userErrors"] == json!([]) }
}

/// How many buyers there are at once: the check tries their operations in every order that the clock allows.
const BUYERS: usize = 6;
/// How many orders each places, one after the other.
const ORDERS: usize = 4;

/// What a buyer does for an order: reserves, looks, and commits or gives back.
async fn buy(shop: &Shop, history: &History, variant: Uuid, orders: &[Uuid], order: usize) {
    let client = u32::try_from(order % BUYERS).unwrap();
    let units = i64::from(client % 3) + 1;
    let reserved = history.note(client, reserve(shop, variant, orders, order, units)).await;
    history.note(client, async { Op::Read { available: shop.available(variant).await } }).await;
    if !matches!(reserved, Op::Reserve { done: true, .. }) {
        return;
    }
    if (order / BUYERS + order).is_multiple_of(2) {
        history.note(client, commit(shop, orders, order)).await;
    }
    if !(order / BUYERS + order).is_multiple_of(4) {
        history.note(client, release(shop, orders, order)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn histories_of_stock_are_linearizable() {
    let shop = Shop::open().await;
    for round in 0..3 {
        let (_, variant) = shop.product(&format!("p{round}"), 100, 0).await;
        let history = History::new();
        let orders: Vec<Uuid> = (0..BUYERS * ORDERS).map(|_| Uuid::now_v7()).collect();
        history.note(99, set(&shop, variant, 12)).await;
        let (shop, history, orders) = (&shop, &history, &orders);
        let buyers = join_all((0..BUYERS).map(async |buyer| {
            for order in 0..ORDERS {
                buy(shop, history, variant, orders, order * BUYERS + buyer).await;
            }
        }));
        let counting = async {
            for on_hand in [20, 3, 15] {
                history.note(99, set(shop, variant, on_hand)).await;
            }
        };
        tokio::join!(buyers, counting);
        history.note(99, async { Op::Read { available: shop.available(variant).await } }).await;
        assert_eq!(history.check(), CheckResult::Ok, "round {round}: {:#?}", history.operations.lock().unwrap());
    }
    shop.assert_sound().await;
}

/// The same check sees stock that is sold twice: here by a shop that reads the stock and then writes it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_oversell_is_caught_by_the_same_check() {
    let shop = Shop::open().await;
    let (_, variant) = shop.product("oversold", 100, 0).await;
    sqlx::query("ALTER TABLE inventory_levels DROP CONSTRAINT inventory_levels_no_oversell")
        .execute(shop.test_db().owner())
        .await
        .unwrap();
    let history = History::new();
    history.note(99, set(&shop, variant, 1)).await;
    let everyone_has_read = tokio::sync::Barrier::new(4);
    let careless = async |order: usize| {
        let free: i64 = sqlx::query_scalar("SELECT on_hand - reserved FROM inventory_levels WHERE variant_id = $1")
            .bind(variant)
            .fetch_one(shop.test_db().owner())
            .await
            .unwrap();
        everyone_has_read.wait().await;
        if free >= 1 {
            sqlx::query("UPDATE inventory_levels SET reserved = reserved + 1 WHERE variant_id = $1")
                .bind(variant)
                .execute(shop.test_db().owner())
                .await
                .unwrap();
        }
        Op::Reserve { order, units: 1, done: free >= 1 }
    };
    join_all((0..4).map(|order| history.note(u32::try_from(order).unwrap(), careless(order)))).await;
    assert_eq!(history.check(), CheckResult::Illegal);
}
