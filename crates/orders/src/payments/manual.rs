//! Payment that staff sees to: by invoice, by bank transfer, in cash. Checkout takes the customer's word, and staff
//! captures when the money is there. There is nobody to ask, so every step succeeds.

use async_trait::async_trait;
use kernel::{Context, Failure};
use serde_json::json;

use super::{Authorisation, Instruction, Outcome, PaymentProvider, Preparation, Prepared};

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manual;

#[async_trait]
impl PaymentProvider for Manual {
    fn name(&self) -> &'static str {
        "manual"
    }

    async fn prepare(&self, _: &Context, preparation: Preparation) -> Result<Prepared, Failure> {
        Ok(Prepared { reference: preparation.session_id.to_string(), client_data: json!({}) })
    }

    async fn authorise(&self, _: &Context, _: Instruction) -> Result<Authorisation, Failure> {
        Ok(Authorisation::Authorised)
    }

    async fn capture(&self, _: &Context, _: Instruction) -> Result<Outcome, Failure> {
        Ok(Outcome::Done)
    }

    async fn void(&self, _: &Context, _: Instruction) -> Result<Outcome, Failure> {
        Ok(Outcome::Done)
    }

    async fn refund(&self, _: &Context, _: Instruction) -> Result<Outcome, Failure> {
        Ok(Outcome::Done)
    }
}
