//! Payment providers behind one trait. A call may be repeated, by another process too: each carries a key that is the
//! same for every try of one step, so that the provider acts once.
//!
//! Providers that keep books of their own let the customer promise money without asking us. What they tell of it
//! ([`Notice`]) only says where to look: what is true is asked ([`PaymentProvider::look`]). So it does not matter in which
//! order they tell, how often, or whether at all.

pub mod manual;
pub mod stripe;

use std::sync::Arc;

use async_trait::async_trait;
use kernel::{Context, Currency, Failure, Money};
use serde_json::Value;
use uuid::Uuid;

use self::manual::Manual;
use self::stripe::Stripe;
use crate::config::{Config, ConfigError};
use crate::error::Error;

/// A payment to prepare.
#[derive(Clone, Copy, Debug)]
pub struct Preparation {
    /// The session: the key.
    pub session_id: Uuid,
    /// The cart that is paid.
    pub cart_id: Uuid,
    /// How much.
    pub amount: Money,
}

/// What a provider is asked to do with a payment.
#[derive(Clone, Debug)]
pub struct Instruction {
    /// The same for each try of this step.
    pub key: String,
    /// The provider's name for the payment.
    pub reference: String,
    /// How much.
    pub amount: Money,
    /// The order that it is for; none when a payment that became no order is given back.
    pub order_id: Option<Uuid>,
}

/// A payment that a provider prepared.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// The provider's name for it.
    pub reference: String,
    /// What the client needs to go on with it.
    pub client_data: Value,
}

/// What became of a request to promise money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorisation {
    /// The money is promised.
    Authorised,
    /// The customer must do something first, such as confirm at their bank.
    ActionRequired,
    /// No money, for this reason.
    Declined(String),
}

/// What became of a request to move money or take a promise back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// It is not done and will not be, for this reason.
    Refused(String),
}

/// Where a payment stands in the provider's books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is promised yet.
    Open,
    /// The money is promised.
    Promised,
    /// The money was taken.
    Taken,
    /// Nothing will come of it any more.
    Void,
}

/// A payment as the provider sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Where it stands.
    pub standing: Standing,
    /// What was taken.
    pub captured: i64,
    /// What went back.
    pub refunds: Vec<SeenRefund>,
}

/// Money that went back, as the provider sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenRefund {
    /// The provider's name for it.
    pub reference: String,
    /// The key of our step; none when somebody else gave it back.
    pub key: Option<String>,
    /// How much.
    pub amount: i64,
}

/// A provider tells that a payment has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The provider's name for the event.
    pub event_id: String,
    /// What happened, in the provider's words.
    pub kind: String,
    /// The provider's name for the payment.
    pub reference: String,
}

/// A payment provider. A [`Failure`] means that nobody knows whether it acted: the step is tried again with its key.
#[async_trait]
pub trait PaymentProvider: Send + Sync {
    /// The name in requests, tables and metrics.
    fn name(&self) -> &'static str;

    /// Whether customers promise money at the provider itself, so that payments must be looked at.
    fn keeps_books(&self) -> bool {
        false
    }

    /// Prepares a payment.
    async fn prepare(&self, context: &Context, preparation: Preparation) -> Result<Prepared, Failure>;

    /// Asks for the promise of the money.
    async fn authorise(&self, context: &Context, instruction: Instruction) -> Result<Authorisation, Failure>;

    /// Takes promised money.
    async fn capture(&self, context: &Context, instruction: Instruction) -> Result<Outcome, Failure>;

    /// Gives a promise back, for good: a payment that is voided is not authorised any more, not by an earlier request
    /// that arrives late either.
    async fn void(&self, context: &Context, instruction: Instruction) -> Result<Outcome, Failure>;

    /// Gives captured money back.
    async fn refund(&self, context: &Context, instruction: Instruction) -> Result<Outcome, Failure>;

    /// The payment in the provider's books; none where there are none, or it isn't in them.
    async fn look(&self, _: &Context, _reference: &str, _: Currency) -> Result<Option<Seen>, Failure> {
        Ok(None)
    }

    /// Reads what the provider tells; none when it is of no concern.
    fn read_notice(&self, _body: &[u8]) -> Result<Option<Notice>, Failure> {
        Ok(None)
    }
}

/// The shop's providers.
#[derive(Clone)]
pub struct Providers(Arc<Vec<Arc<dyn PaymentProvider>>>);

impl Providers {
    /// These providers.
    pub fn new(providers: Vec<Arc<dyn PaymentProvider>>) -> Self {
        Self(Arc::new(providers))
    }

    /// Those that the settings name: manual payment, and what has keys.
    pub fn configured(config: &Config) -> Result<Self, ConfigError> {
        let mut providers: Vec<Arc<dyn PaymentProvider>> = vec![Arc::new(Manual)];
        if config.stripe.is_set() {
            providers.push(Arc::new(Stripe::new(&config.stripe)?));
        }
        Ok(Self::new(providers))
    }

    /// The provider of a name. Error: `UNKNOWN_PROVIDER`.
    pub fn get(&self, name: &str) -> Result<&dyn PaymentProvider, Error> {
        self.0.iter().map(AsRef::as_ref).find(|provider| provider.name() == name).ok_or(Error::UnknownProvider)
    }
}
