//! Payments by Stripe: a PaymentIntent a payment, captured by hand, confirmed by the customer at Stripe itself. Card
//! numbers never come here.
//!
//! | module | holds |
//! |---|---|
//! | [`config`] | settings |
//! | `client` | calls of the API, and what its errors mean |
//! | `object` | the few objects that matter |
//! | `amount` | amounts as Stripe writes them |
//! | [`signature`] | whether an event comes from Stripe |
//!
//! Each step has a key of ours, and Stripe acts once for a key. It forgets keys after a day, so nothing rests on the key
//! alone: a capture or a cancellation that finds the payment in another state looks at it, and a refund bears its key in
//! its metadata and is looked for before it is made.

mod amount;
mod client;
pub mod config;
mod object;
pub mod signature;

use async_trait::async_trait;
use kernel::{Context, Currency, ErrorKind, Failure};
use serde_json::json;
use uuid::Uuid;

use self::amount::{from_stripe, to_stripe};
use self::client::{CallError, Client, Form, keys, unavailable};
use self::config::StripeConfig;
use self::object::{Event, Expandable, List, PaymentIntent, Problem, Refund, Status};
use super::{
    Authorisation, Instruction, Notice, Outcome, PaymentProvider, Preparation, Prepared, Seen, SeenRefund, Standing,
};
use crate::config::ConfigError;

/// The provider's name.
pub const NAME: &str = "stripe";
/// Where a refund bears the key of its step.
const STEP: &str = "step";
/// Refunds in one page of a list, and pages.
const PAGE: usize = 100;
const PAGES: usize = 10;
/// Events that say that a payment has changed.
const KINDS: &[&str] = &[
    "payment_intent.amount_capturable_updated",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "charge.refunded",
    "charge.refund.updated",
    "refund.failed",
];

/// See the module.
pub struct Stripe {
    client: Client,
}

impl Stripe {
    /// Stripe with these settings.
    pub fn new(config: &StripeConfig) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self { client: Client::new(config)? })
    }

    async fn intent(&self, context: &Context, reference: &str) -> Result<PaymentIntent, CallError> {
        self.client.get(context, &format!("payment_intents/{reference}?expand[]=latest_charge")).await
    }

    /// Names the order in the payment, for whoever looks at it at Stripe.
    async fn name_order(&self, context: &Context, intent: &PaymentIntent, order: Uuid) -> Result<(), Failure> {
        let order = order.to_string();
        if intent.metadata.get("order_id") == Some(&order) {
            return Ok(());
        }
        let form = [("metadata[order_id]", order)];
        let path = format!("payment_intents/{}", intent.id);
        let named = self.client.post::<PaymentIntent>(context, &path, &form, None).await;
        named.map(drop).map_err(CallError::into_failure)
    }

    async fn refunds(&self, context: &Context, reference: &str) -> Result<Vec<Refund>, CallError> {
        let mut found: Vec<Refund> = Vec::new();
        for _ in 0..PAGES {
            let after = found.last().map(|last| format!("&starting_after={}", last.id)).unwrap_or_default();
            let path = format!("refunds?payment_intent={reference}&limit={PAGE}{after}");
            let List { data, has_more } = self.client.get(context, &path).await?;
            found.extend(data);
            if !has_more {
                return Ok(found);
            }
        }
        // Deciding on half a list could give money back twice.
        tracing::error!(reference, "a payment has more refunds than can be looked through");
        Err(CallError::Unknown(unavailable()))
    }

    /// Does one of the things that a payment can undergo once.
    async fn once(
        &self,
        context: &Context,
        instruction: &Instruction,
        verb: &str,
        form: &Form<'_>,
        wanted: Status,
    ) -> Result<Outcome, Failure> {
        let Instruction { key, reference, .. } = instruction;
        let path = format!("payment_intents/{reference}/{verb}");
        match self.client.post_final::<PaymentIntent>(context, &path, form, key).await {
            Ok(intent) if intent.status == wanted => Ok(Outcome::Done),
            Ok(_) => self.found_as(context, reference, wanted, Problem::default()).await,
            Err(CallError::Refused(problem)) => self.found_as(context, reference, wanted, problem).await,
            Err(CallError::Declined(reason)) => Ok(Outcome::Refused(reason)),
            Err(error) => Err(error.into_failure()),
        }
    }

    /// What became of a step that Stripe refused: it may have been done before.
    async fn found_as(
        &self,
        context: &Context,
        reference: &str,
        wanted: Status,
        problem: Problem,
    ) -> Result<Outcome, Failure> {
        let intent = self.intent(context, reference).await.map_err(CallError::into_failure)?;
        match intent.status {
            status if status == wanted => Ok(Outcome::Done),
            // Stripe will decide soon; until then nothing is final.
            Status::Processing | Status::Unknown => Err(unavailable()),
            _ => Ok(Outcome::Refused(problem.name())),
        }
    }
}

#[async_trait]
impl PaymentProvider for Stripe {
    fn name(&self) -> &'static str {
        NAME
    }

    fn keeps_books(&self) -> bool {
        true
    }

    async fn prepare(&self, context: &Context, preparation: Preparation) -> Result<Prepared, Failure> {
        let Preparation { session_id, cart_id, amount } = preparation;
        let charged = to_stripe(amount).ok_or_else(|| impossible("Stripe has no such amount of this currency"))?;
        let form = [
            ("amount", charged.to_string()),
            ("currency", amount.currency.as_str().to_ascii_lowercase()),
            ("capture_method", "manual".to_owned()),
            ("payment_method_types[]", "card".to_owned()),
            ("metadata[cart_id]", cart_id.to_string()),
            ("metadata[session_id]", session_id.to_string()),
        ];
        let made: Result<PaymentIntent, _> =
            self.client.post_final(context, "payment_intents", &form, &format!("{session_id}-prepare")).await;
        let intent = made.map_err(|error| match error {
            CallError::Refused(problem) => impossible(&problem.message.unwrap_or_default()),
            error => error.into_failure(),
        })?;
        let secret = intent.client_secret.ok_or_else(unavailable)?;
        Ok(Prepared { reference: intent.id, client_data: json!({ "client_secret": secret }) })
    }

    async fn authorise(&self, context: &Context, instruction: Instruction) -> Result<Authorisation, Failure> {
        let intent = match self.intent(context, &instruction.reference).await {
            Ok(intent) => intent,
            Err(CallError::Refused(problem)) => return Ok(Authorisation::Declined(problem.name())),
            Err(error) => return Err(error.into_failure()),
        };
        let promised = match intent.status {
            Status::RequiresCapture => intent.amount_capturable,
            Status::Succeeded => intent.amount_received,
            Status::Canceled => return Ok(Authorisation::Declined("canceled".to_owned())),
            Status::RequiresPaymentMethod if intent.last_payment_error.is_some() => {
                let problem = intent.last_payment_error.unwrap_or_default();
                return Ok(Authorisation::Declined(problem.name()));
            }
            _ => return Ok(Authorisation::ActionRequired),
        };
        let wanted = to_stripe(instruction.amount);
        let same_currency = intent.currency.eq_ignore_ascii_case(instruction.amount.currency.as_str());
        if Some(promised.unwrap_or(intent.amount)) != wanted || !same_currency {
            return Ok(Authorisation::Declined("amount_mismatch".to_owned()));
        }
        if let Some(order_id) = instruction.order_id {
            self.name_order(context, &intent, order_id).await?;
        }
        Ok(Authorisation::Authorised)
    }

    async fn capture(&self, context: &Context, instruction: Instruction) -> Result<Outcome, Failure> {
        let Some(amount) = to_stripe(instruction.amount) else { return Ok(Outcome::Refused("amount".to_owned())) };
        let form = [("amount_to_capture", amount.to_string())];
        self.once(context, &instruction, "capture", &form, Status::Succeeded).await
    }

    async fn void(&self, context: &Context, instruction: Instruction) -> Result<Outcome, Failure> {
        self.once(context, &instruction, "cancel", &[], Status::Canceled).await
    }

    async fn refund(&self, context: &Context, instruction: Instruction) -> Result<Outcome, Failure> {
        let Some(amount) = to_stripe(instruction.amount) else { return Ok(Outcome::Refused("amount".to_owned())) };
        let mut form = vec![
            ("payment_intent", instruction.reference.clone()),
            ("amount", amount.to_string()),
            ("metadata[step]", instruction.key.clone()),
        ];
        form.extend(instruction.order_id.map(|order_id| ("metadata[order_id]", order_id.to_string())));
        for key in keys(&instruction.key) {
            let made = self.refunds(context, &instruction.reference).await.map_err(CallError::into_failure)?;
            if let Some(made) = made.into_iter().find(|made| made.metadata.get(STEP) == Some(&instruction.key)) {
                return Ok(given_back(&made));
            }
            match self.client.post::<Refund>(context, "refunds", &form, Some(&key)).await {
                Ok(made) => return Ok(given_back(&made)),
                Err(CallError::KeyUsedUp) => {}
                Err(CallError::Refused(problem)) => return Ok(Outcome::Refused(problem.name())),
                Err(CallError::Declined(reason)) => return Ok(Outcome::Refused(reason)),
                Err(error) => return Err(error.into_failure()),
            }
        }
        Err(unavailable())
    }

    async fn look(&self, context: &Context, reference: &str, currency: Currency) -> Result<Option<Seen>, Failure> {
        let intent = match self.intent(context, reference).await {
            Ok(intent) => intent,
            Err(CallError::Refused(_)) => return Ok(None),
            Err(error) => return Err(error.into_failure()),
        };
        let standing = match intent.status {
            Status::RequiresCapture => Standing::Promised,
            Status::Succeeded => Standing::Taken,
            Status::Canceled => Standing::Void,
            _ => Standing::Open,
        };
        if standing != Standing::Taken {
            return Ok(Some(Seen { standing, captured: 0, refunds: Vec::new() }));
        }
        let refunds = self.refunds(context, reference).await.map_err(CallError::into_failure)?;
        let seen = |refund: &Refund| SeenRefund {
            reference: refund.id.clone(),
            key: refund.metadata.get(STEP).cloned(),
            amount: from_stripe(refund.amount, currency),
        };
        let refunds = refunds.iter().filter(|refund| !refund.failed()).map(seen).collect();
        Ok(Some(Seen { standing, captured: from_stripe(taken(&intent), currency), refunds }))
    }

    fn read_notice(&self, body: &[u8]) -> Result<Option<Notice>, Failure> {
        let event: Event = serde_json::from_slice(body).map_err(|error| {
            Failure::new(ErrorKind::Malformed, "MALFORMED_JSON", format!("The body is no event of Stripe's: {error}"))
        })?;
        let Event { id, kind, data } = event;
        if !KINDS.contains(&kind.as_str()) {
            return Ok(None);
        }
        Ok(data.object.payment().map(|reference| Notice { event_id: id, kind, reference }))
    }
}

/// What was taken, in Stripe's units.
fn taken(intent: &PaymentIntent) -> i64 {
    let charged = match &intent.latest_charge {
        Some(Expandable::Whole(charge)) if charge.captured => Some(charge.amount_captured.unwrap_or(charge.amount)),
        _ => None,
    };
    intent.amount_received.or(charged).unwrap_or(intent.amount)
}

fn given_back(refund: &Refund) -> Outcome {
    if refund.failed() {
        return Outcome::Refused(refund.failure_reason.clone().unwrap_or_else(|| "failed".to_owned()));
    }
    Outcome::Done
}

/// 409 `PAYMENT_NOT_POSSIBLE`.
fn impossible(why: &str) -> Failure {
    Failure::new(ErrorKind::Conflict, "PAYMENT_NOT_POSSIBLE", format!("The provider cannot take this payment: {why}"))
}
