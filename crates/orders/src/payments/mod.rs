//! Payment providers behind one trait. A call may be repeated, by another process too: each carries a key that is the
//! same for every try of one step, so that the provider acts once.

pub mod manual;

use std::sync::Arc;

use async_trait::async_trait;
use kernel::{Context, Failure, Money};
use serde_json::Value;
use uuid::Uuid;

use crate::error::Error;

/// What a provider is asked to do with a payment.
#[derive(Clone, Debug)]
pub struct Instruction {
    /// The same for each try of this step.
    pub key: String,
    /// The provider's name for the payment.
    pub reference: String,
    /// How much.
    pub amount: Money,
    /// The order that it is for.
    pub order_id: Uuid,
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

/// A payment provider. A [`Failure`] means that nobody knows whether it acted: the step is tried again with its key.
#[async_trait]
pub trait PaymentProvider: Send + Sync {
    /// The name in requests, tables and metrics.
    fn name(&self) -> &'static str;

    /// Prepares a payment of `amount`. `session_id` is the key.
    async fn prepare(&self, context: &Context, session_id: Uuid, amount: Money) -> Result<Prepared, Failure>;

    /// Asks for the promise of the money.
    async fn authorise(&self, context: &Context, instruction: Instruction) -> Result<Authorisation, Failure>;

    /// Takes promised money.
    async fn capture(&self, context: &Context, instruction: Instruction) -> Result<Outcome, Failure>;

    /// Gives a promise back, for good: a payment that is voided is not authorised any more, not by an earlier request
    /// that arrives late either.
    async fn void(&self, context: &Context, instruction: Instruction) -> Result<Outcome, Failure>;

    /// Gives captured money back.
    async fn refund(&self, context: &Context, instruction: Instruction) -> Result<Outcome, Failure>;
}

/// The shop's providers.
#[derive(Clone)]
pub struct Providers(Arc<Vec<Arc<dyn PaymentProvider>>>);

impl Providers {
    /// These providers.
    pub fn new(providers: Vec<Arc<dyn PaymentProvider>>) -> Self {
        Self(Arc::new(providers))
    }

    /// The provider of a name. Error: `UNKNOWN_PROVIDER`.
    pub fn get(&self, name: &str) -> Result<&dyn PaymentProvider, Error> {
        self.0.iter().map(AsRef::as_ref).find(|provider| provider.name() == name).ok_or(Error::UnknownProvider)
    }
}
