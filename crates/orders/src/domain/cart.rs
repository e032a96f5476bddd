//! The cart and its changes.

use chrono::{DateTime, Utc};
use kernel::{Actor, Context, Currency};
use serde_json::Value;
use uuid::Uuid;

use super::contact::Contact;
use crate::error::Error;

/// Where a cart stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CartState {
    /// It can be changed.
    Open,
    /// A checkout runs over it.
    Completing,
    /// It became an order.
    Completed,
}

impl CartState {
    /// Its name in the database and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Completing => "completing",
            Self::Completed => "completed",
        }
    }
}

/// Bounds of a cart.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most units of a line.
    pub quantity: i64,
    /// Most lines.
    pub lines: usize,
}

/// What someone is about to buy.
#[derive(Clone)]
pub struct Cart {
    /// The cart. A guest's is a capability.
    pub id: Uuid,
    /// Grows with every change.
    pub version: i64,
    /// Where it stands.
    pub state: CartState,
    /// The account that it belongs to; none: a guest's.
    pub user_id: Option<Uuid>,
    /// Under whose data key its contact is sealed: the user's id, or the cart's.
    pub subject: Uuid,
    /// What prices are in.
    pub currency: Currency,
    /// E-mail and addresses.
    pub contact: Contact,
    /// What is in it.
    pub lines: Vec<CartLine>,
    /// The way of shipping.
    pub shipping_option: Option<String>,
    /// How it will be paid.
    pub payment_session: Option<PaymentSession>,
    /// The order that it becomes or became.
    pub order_id: Option<Uuid>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// Some of a variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CartLine {
    /// The line.
    pub id: Uuid,
    /// The variant.
    pub variant_id: Uuid,
    /// How many.
    pub quantity: i64,
    /// The price of one that the customer saw at the last change; none when it wasn't for sale.
    pub seen_amount: Option<i64>,
}

/// What a provider prepared, over the total that the customer was shown.
#[derive(Clone, Debug, PartialEq)]
pub struct PaymentSession {
    /// The session.
    pub id: Uuid,
    /// The provider.
    pub provider: String,
    /// The provider's name for it.
    pub provider_ref: String,
    /// What it is over.
    pub amount: i64,
    /// What the client needs to go on with it.
    pub client_data: Value,
}

impl Cart {
    /// Lets the caller in: a user's cart is the user's alone, a guest's is whoever's knows its id. The system, which
    /// completes what was paid, sees every cart.
    pub fn visible_to(&self, context: &Context) -> Result<(), Error> {
        match self.user_id {
            Some(_) if matches!(context.actor, Actor::System(_)) => Ok(()),
            Some(owner) if context.user_id() != Some(owner) => Err(Error::CartNotFound),
            _ => Ok(()),
        }
    }

    /// Refuses changes while a checkout runs and after it.
    pub fn changeable(&self) -> Result<(), Error> {
        match self.state {
            CartState::Open => Ok(()),
            CartState::Completing => Err(Error::CheckoutInProgress),
            CartState::Completed => Err(Error::CartCompleted),
        }
    }

    /// Puts units of a variant in; a variant that is in already gets more. Gives the line.
    pub fn add(&mut self, line_id: Uuid, variant_id: Uuid, quantity: i64, limits: Limits) -> Result<Uuid, Error> {
        let quantity = checked_quantity(quantity, limits)?;
        let found = self.lines.iter_mut().find(|line| line.variant_id == variant_id);
        if let Some(line) = found {
            line.quantity = checked_quantity(line.quantity + quantity, limits)?;
            return Ok(line.id);
        }
        if self.lines.len() >= limits.lines {
            return Err(Error::CartFull(limits.lines));
        }
        self.lines.push(CartLine { id: line_id, variant_id, quantity, seen_amount: None });
        Ok(line_id)
    }

    /// Sets how many a line has.
    pub fn change_quantity(&mut self, line_id: Uuid, quantity: i64, limits: Limits) -> Result<(), Error> {
        let line = self.lines.iter_mut().find(|line| line.id == line_id).ok_or(Error::LineNotFound)?;
        line.quantity = checked_quantity(quantity, limits)?;
        Ok(())
    }

    /// Takes a line out.
    pub fn remove(&mut self, line_id: Uuid) -> Result<(), Error> {
        let at = self.lines.iter().position(|line| line.id == line_id).ok_or(Error::LineNotFound)?;
        self.lines.remove(at);
        Ok(())
    }

    /// The variants in it.
    pub fn variants(&self) -> Vec<Uuid> {
        self.lines.iter().map(|line| line.variant_id).collect()
    }
}

fn checked_quantity(quantity: i64, limits: Limits) -> Result<i64, Error> {
    if (1..=limits.quantity).contains(&quantity) { Ok(quantity) } else { Err(Error::Quantity(limits.quantity)) }
}
