//! Products with stock that behaves as the contract says, and a payment provider that can refuse, fail and wait.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use contracts::products::{Products, ReservationState, ReserveStock, Reserved, Shortage, StockLine, VariantQuote};
use contracts::users::{Contact, Users};
use kernel::{Context, Currency, ErrorKind, Failure, Money};
use orders::payments::{Authorisation, Instruction, Outcome, PaymentProvider, Preparation, Prepared};
use serde_json::json;
use tokio::sync::Semaphore;
use uuid::Uuid;

/// A catalog in memory.
#[derive(Default)]
pub struct FakeProducts {
    state: Mutex<Stock>,
    /// Names of calls whose answer gets lost after they acted.
    pub lose: Mutex<Vec<&'static str>>,
}

#[derive(Default)]
struct Stock {
    variants: HashMap<Uuid, (i64, i64)>,
    reservations: BTreeMap<Uuid, (ReservationState, Vec<StockLine>)>,
}

impl FakeProducts {
    pub fn add_variant(&self, price: i64, stock: i64) -> Uuid {
        let id = kernel::id::new_id();
        self.state.lock().unwrap().variants.insert(id, (price, stock));
        id
    }

    pub fn set_price(&self, variant: Uuid, price: i64) {
        self.state.lock().unwrap().variants.get_mut(&variant).unwrap().0 = price;
    }

    pub fn available(&self, variant: Uuid) -> i64 {
        self.state.lock().unwrap().variants[&variant].1
    }

    /// Frees reservations as the job of products does when they expire.
    pub fn expire_all(&self) {
        let mut stock = self.state.lock().unwrap();
        let reserved = |(id, (state, _)): (&Uuid, &(ReservationState, Vec<StockLine>))| {
            (*state == ReservationState::Reserved).then_some(*id)
        };
        let ids: Vec<Uuid> = stock.reservations.iter().filter_map(reserved).collect();
        for id in ids {
            stock.release(id);
        }
    }

    /// Fails a call whose answer is to be lost, once.
    fn answer<T>(&self, call: &'static str, answer: T) -> Result<T, Failure> {
        let mut lose = self.lose.lock().unwrap();
        match lose.iter().position(|lost| *lost == call) {
            Some(at) => {
                lose.remove(at);
                Err(Failure::unavailable())
            }
            None => Ok(answer),
        }
    }
}

impl Stock {
    fn release(&mut self, order: Uuid) {
        let entry = self.reservations.entry(order).or_insert((ReservationState::Released, Vec::new()));
        if entry.0 != ReservationState::Released {
            entry.0 = ReservationState::Released;
            for line in &entry.1 {
                self.variants.get_mut(&line.variant_id).unwrap().1 += line.quantity;
            }
        }
    }
}

fn ended() -> Failure {
    Failure::new(ErrorKind::Conflict, "RESERVATION_ENDED", "The reservation has ended")
}

#[async_trait]
impl Products for FakeProducts {
    async fn quote(&self, _: &Context, currency: Currency, variants: Vec<Uuid>) -> Result<Vec<VariantQuote>, Failure> {
        let stock = self.state.lock().unwrap();
        let quote = |id: Uuid| {
            let (price, available) = *stock.variants.get(&id)?;
            Some(VariantQuote {
                variant_id: id,
                product_id: id,
                sku: format!("SKU-{price}"),
                product_handle: "hat".into(),
                product_name: "Hat".into(),
                variant_name: "Blue".into(),
                unit_price: (currency.as_str() == "EUR").then_some(Money::new(price, currency)),
                available,
                weight_grams: 100,
            })
        };
        Ok(variants.into_iter().filter_map(quote).collect())
    }

    async fn reserve(&self, _: &Context, command: ReserveStock) -> Result<Reserved, Failure> {
        let reserved = {
            let mut stock = self.state.lock().unwrap();
            match stock.reservations.get(&command.order_id) {
                Some((ReservationState::Reserved, _)) => Reserved::Yes,
                Some(_) => return Err(ended()),
                None => {
                    let short = |line: &StockLine| {
                        let available = stock.variants[&line.variant_id].1;
                        let (variant_id, wanted) = (line.variant_id, line.quantity);
                        (available < wanted).then_some(Shortage { variant_id, wanted, available })
                    };
                    let shortages: Vec<Shortage> = command.lines.iter().filter_map(short).collect();
                    if shortages.is_empty() {
                        for line in &command.lines {
                            stock.variants.get_mut(&line.variant_id).unwrap().1 -= line.quantity;
                        }
                        stock.reservations.insert(command.order_id, (ReservationState::Reserved, command.lines));
                        Reserved::Yes
                    } else {
                        Reserved::Short(shortages)
                    }
                }
            }
        };
        self.answer("reserve", reserved)
    }

    async fn commit(&self, _: &Context, order_id: Uuid) -> Result<(), Failure> {
        match self.state.lock().unwrap().reservations.get_mut(&order_id) {
            Some((state, _)) if *state != ReservationState::Released => *state = ReservationState::Committed,
            _ => return Err(ended()),
        }
        self.answer("commit", ())
    }

    async fn release(&self, _: &Context, order_id: Uuid) -> Result<(), Failure> {
        self.state.lock().unwrap().release(order_id);
        self.answer("release", ())
    }

    async fn reservations(&self, _: &Context, orders: Vec<Uuid>) -> Result<Vec<(Uuid, ReservationState)>, Failure> {
        let stock = self.state.lock().unwrap();
        Ok(orders.into_iter().filter_map(|id| Some((id, stock.reservations.get(&id)?.0))).collect())
    }

    async fn reserved_orders(
        &self,
        _: &Context,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<(Uuid, ReservationState)>, Failure> {
        let stock = self.state.lock().unwrap();
        let holding = stock.reservations.iter().filter(|(_, (state, _))| *state != ReservationState::Released);
        let rest = holding.filter(|(id, _)| after.is_none_or(|after| **id > after));
        Ok(rest.take(limit as usize).map(|(id, (state, _))| (*id, *state)).collect())
    }
}

/// Accounts whose address for mail is made of their id.
pub struct FakeUsers;

#[async_trait]
impl Users for FakeUsers {
    async fn contact(&self, _: &Context, user_id: Uuid) -> Result<Contact, Failure> {
        Ok(Contact { user_id, email: format!("{}@account.example", user_id.simple()) })
    }

    async fn jwks(&self, _: &Context) -> Result<crypto::Jwks, Failure> {
        Ok(crypto::Jwks { keys: Vec::new() })
    }
}

/// What a provider knows of a payment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    pub authorised: i64,
    pub captured: i64,
    pub refunded: i64,
    pub voided: bool,
}

/// A provider that acts once for a key, and refuses what cannot be.
pub struct FakeProvider {
    state: Mutex<ProviderState>,
    /// Decline the next requests for a promise.
    pub decline: Mutex<bool>,
    /// Refuse captures, voids and refunds.
    pub refuse: Mutex<bool>,
    /// Names of calls whose answer gets lost after they acted.
    pub lose: Mutex<Vec<&'static str>>,
    /// Requests for a promise wait for a permit here.
    pub gate: Arc<Semaphore>,
}

#[derive(Default)]
struct ProviderState {
    ledgers: HashMap<String, Ledger>,
    keys: HashMap<String, bool>,
}

impl Default for FakeProvider {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            decline: Mutex::default(),
            refuse: Mutex::default(),
            lose: Mutex::default(),
            gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
        }
    }
}

impl FakeProvider {
    pub fn ledgers(&self) -> Vec<Ledger> {
        self.state.lock().unwrap().ledgers.values().cloned().collect()
    }

    /// Does `act` once for the instruction's key.
    fn once(
        &self,
        call: &'static str,
        instruction: &Instruction,
        act: impl Fn(&mut Ledger, i64) -> bool,
    ) -> Result<Outcome, Failure> {
        if *self.refuse.lock().unwrap() {
            return Ok(Outcome::Refused("card_lost".into()));
        }
        let state = &mut *self.state.lock().unwrap();
        let ledger = state.ledgers.entry(instruction.reference.clone()).or_default();
        let amount = instruction.amount.amount;
        let done = *state.keys.entry(instruction.key.clone()).or_insert_with(|| act(ledger, amount));
        let mut lose = self.lose.lock().unwrap();
        if let Some(at) = lose.iter().position(|lost| *lost == call) {
            lose.remove(at);
            return Err(Failure::unavailable());
        }
        Ok(if done { Outcome::Done } else { Outcome::Refused("impossible".into()) })
    }
}

#[async_trait]
impl PaymentProvider for FakeProvider {
    fn name(&self) -> &'static str {
        "fake"
    }

    async fn prepare(&self, _: &Context, preparation: Preparation) -> Result<Prepared, Failure> {
        let Preparation { session_id, amount, .. } = preparation;
        Ok(Prepared { reference: format!("fake_{session_id}"), client_data: json!({ "amount": amount.amount }) })
    }

    async fn authorise(&self, _: &Context, instruction: Instruction) -> Result<Authorisation, Failure> {
        let permit = tokio::time::timeout(Duration::from_mins(1), self.gate.acquire()).await;
        drop(permit);
        if *self.decline.lock().unwrap() {
            return Ok(Authorisation::Declined("no_money".into()));
        }
        let outcome = self.once("authorise", &instruction, |ledger, amount| {
            let open = !ledger.voided && ledger.authorised == 0;
            if open {
                ledger.authorised = amount;
            }
            open
        })?;
        Ok(match outcome {
            Outcome::Done => Authorisation::Authorised,
            Outcome::Refused(reason) => Authorisation::Declined(reason),
        })
    }

    async fn capture(&self, _: &Context, instruction: Instruction) -> Result<Outcome, Failure> {
        self.once("capture", &instruction, |ledger, amount| {
            let open = !ledger.voided && ledger.captured + amount <= ledger.authorised;
            if open {
                ledger.captured += amount;
            }
            open
        })
    }

    async fn void(&self, _: &Context, instruction: Instruction) -> Result<Outcome, Failure> {
        self.once("void", &instruction, |ledger, _| {
            let open = ledger.captured == 0;
            ledger.voided |= open;
            open
        })
    }

    async fn refund(&self, _: &Context, instruction: Instruction) -> Result<Outcome, Failure> {
        self.once("refund", &instruction, |ledger, amount| {
            let open = ledger.refunded + amount <= ledger.captured;
            if open {
                ledger.refunded += amount;
            }
            open
        })
    }
}
