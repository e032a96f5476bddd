//! What a customer's browser does at Stripe: a card number goes there and nowhere else.

use bytes::Bytes;
use http::Method;

use super::StandIn;
use super::layer::Answer;

/// One of Stripe's test cards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Card {
    /// Pays.
    Good,
    /// Is declined.
    Declined,
    /// Pays after the customer has confirmed at their bank.
    AsksBank,
}

impl Card {
    /// localstripe declines another number than Stripe's generic one.
    fn number(self) -> &'static str {
        match self {
            Card::Good => "4242424242424242",
            Card::Declined => "4000000000000341",
            Card::AsksBank => "4000002500003155",
        }
    }
}

/// What the browser sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Paid {
    /// The money is promised.
    Promised,
    /// The bank wants to ask first.
    BankAsks,
    /// No money, with the code.
    Refused(String),
}

impl StandIn {
    /// Confirms a payment with a card. At a bank that asks, the customer agrees when `agrees`.
    pub async fn pay(&self, client_secret: &str, card: Card, agrees: bool) -> Paid {
        let Some((intent, _)) = client_secret.split_once("_secret_") else { return Paid::Refused("secret".into()) };
        let method =
            format!("type=card&card[number]={}&card[exp_month]=12&card[exp_year]=2030&card[cvc]=123", card.number());
        let method = self.browse("/v1/payment_methods", method).await.json();
        let method = format!("payment_method={}", method["id"].as_str().unwrap_or_default());
        let path = format!("/v1/payment_intents/{intent}");
        self.browse(&path, method).await;
        let mut confirmed = self.browse(&format!("{path}/confirm"), String::new()).await;
        if confirmed.is_good() && confirmed.json()["status"] == "requires_action" && agrees {
            let form = format!("client_secret={client_secret}&success=true");
            confirmed = self.browse(&format!("{path}/_authenticate"), form).await;
        }
        let body = confirmed.json();
        match body["status"].as_str() {
            Some("requires_capture") => Paid::Promised,
            Some("requires_action") => Paid::BankAsks,
            _ => Paid::Refused(body["error"]["code"].as_str().unwrap_or("refused").to_owned()),
        }
    }

    /// Captures at Stripe's dashboard.
    pub async fn capture_at_dashboard(&self, intent: &str) -> bool {
        self.browse(&format!("/v1/payment_intents/{intent}/capture"), String::new()).await.is_good()
    }

    /// Cancels at Stripe's dashboard.
    pub async fn cancel_at_dashboard(&self, intent: &str) -> bool {
        self.browse(&format!("/v1/payment_intents/{intent}/cancel"), String::new()).await.is_good()
    }

    /// Gives money back at Stripe's dashboard.
    pub async fn refund_at_dashboard(&self, intent: &str, amount: i64) -> bool {
        self.browse("/v1/refunds", format!("payment_intent={intent}&amount={amount}")).await.is_good()
    }

    async fn browse(&self, path: &str, form: String) -> Answer {
        self.layer.act(&Method::POST, path, Bytes::from(form)).await
    }
}
