//! A cart priced, with what keeps it from being ordered.

use std::collections::HashMap;

use contracts::products::VariantQuote;
use kernel::{FieldError, Money};
use uuid::Uuid;

use super::cart::Cart;
use super::pricing::{self, Charge, Item, Tax};
use super::rates::{Rates, ShippingRate, TaxRate};

/// A cart with today's prices.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Its lines, in the cart's order.
    pub lines: Vec<OfferLine>,
    /// Sum of the lines.
    pub items: i64,
    /// The way of shipping chosen, if it is offered.
    pub shipping: Option<ShippingRate>,
    /// The tax on shipping.
    pub shipping_tax: i64,
    /// The tax rate; none until the country is known.
    pub tax_rate: Option<TaxRate>,
    /// All tax; none until the country is known.
    pub tax: Option<i64>,
    /// What would be charged.
    pub total: i64,
    /// What keeps the cart from being ordered.
    pub blockers: Vec<Blocker>,
}

/// A line with today's price.
#[derive(Clone, Debug)]
pub struct OfferLine {
    /// The line.
    pub id: Uuid,
    /// The variant.
    pub variant_id: Uuid,
    /// How many.
    pub quantity: i64,
    /// The variant as it is sold today; none when it isn't for sale.
    pub quote: Option<VariantQuote>,
    /// The price of one; none when it isn't for sale in the cart's currency.
    pub unit_amount: Option<i64>,
    /// What the customer saw before, when the price is another now.
    pub previous_amount: Option<i64>,
    /// The line's amount and tax.
    pub charge: Charge,
}

/// Something that keeps a cart from being ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocker {
    /// Stable code.
    pub code: &'static str,
    /// What it is about, such as `line_items[2]`.
    pub field: String,
    /// A sentence for the developer.
    pub message: String,
    /// Units that can be sold, when too many are wanted.
    pub available: Option<i64>,
}

impl Blocker {
    fn new(code: &'static str, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code, field: field.into(), message: message.into(), available: None }
    }

    /// Too few of the line at `position` are left.
    pub fn out_of_stock(position: usize, available: i64) -> Self {
        let message = format!("Only {available} can be sold now");
        Self { available: Some(available), ..Self::new("OUT_OF_STOCK", format!("line_items[{position}]"), message) }
    }

    /// Whether creating a payment session is what removes it.
    pub fn is_about_payment(&self) -> bool {
        self.field == "payment_session"
    }
}

impl From<&Blocker> for FieldError {
    fn from(blocker: &Blocker) -> Self {
        FieldError::new(blocker.field.clone(), blocker.code, blocker.message.clone())
    }
}

/// Prices a cart.
pub fn offer(cart: &Cart, quotes: Vec<VariantQuote>, rates: &Rates, prices_include_tax: bool) -> Offer {
    let mut quotes: HashMap<Uuid, VariantQuote> = quotes.into_iter().map(|q| (q.variant_id, q)).collect();
    let mut lines: Vec<OfferLine> =
        cart.lines.iter().map(|line| quoted(line, quotes.remove(&line.variant_id))).collect();
    let mut blockers = line_blockers(cart, &lines);

    let country = cart.contact.country();
    let tax_rate = country.and_then(|country| rates.tax(country)).cloned();
    let options = country.map_or(&[][..], |country| rates.shipping(country, cart.currency));
    let shipping = options.iter().find(|rate| Some(&rate.option) == cart.shipping_option.as_ref()).cloned();
    blockers.extend(delivery_blockers(cart, tax_rate.is_some() && !options.is_empty(), shipping.is_some()));

    let items: Vec<Item> =
        lines.iter().map(|line| Item { unit_amount: line.unit_amount.unwrap_or(0), quantity: line.quantity }).collect();
    let tax = Tax { rate_bp: tax_rate.as_ref().map_or(0, |rate| rate.rate_bp), included: prices_include_tax };
    let bill = pricing::bill(&items, shipping.as_ref().map_or(0, |rate| rate.amount), tax);
    let Some(bill) = bill else {
        blockers.push(Blocker::new("TOTAL_TOO_LARGE", "line_items", "The total is beyond what one order may cost"));
        return Offer { lines, items: 0, shipping, shipping_tax: 0, tax_rate, tax: None, total: 0, blockers };
    };
    for (line, charge) in lines.iter_mut().zip(&bill.lines) {
        line.charge = *charge;
    }
    blockers.extend(payment_blocker(cart, bill.total));
    let tax = tax_rate.is_some().then_some(bill.tax);
    Offer {
        lines,
        items: bill.items,
        shipping,
        shipping_tax: bill.shipping.tax,
        tax_rate,
        tax,
        total: bill.total,
        blockers,
    }
}

impl Offer {
    /// The prices that the customer sees with this offer, put into the cart's lines.
    pub fn show_to(&mut self, cart: &mut Cart) {
        for (line, offered) in cart.lines.iter_mut().zip(&mut self.lines) {
            line.seen_amount = offered.unit_amount;
            offered.previous_amount = None;
        }
        self.blockers.retain(|blocker| blocker.code != "PRICE_CHANGED");
    }
}

fn quoted(line: &super::cart::CartLine, quote: Option<VariantQuote>) -> OfferLine {
    let unit_amount = quote.as_ref().and_then(|quote| quote.unit_price).map(|price| price.amount);
    let changed = line.seen_amount.is_some() && unit_amount.is_some() && line.seen_amount != unit_amount;
    OfferLine {
        id: line.id,
        variant_id: line.variant_id,
        quantity: line.quantity,
        quote,
        unit_amount,
        previous_amount: line.seen_amount.filter(|_| changed),
        charge: Charge::default(),
    }
}

fn line_blockers(cart: &Cart, lines: &[OfferLine]) -> Vec<Blocker> {
    if lines.is_empty() {
        return vec![Blocker::new("CART_EMPTY", "line_items", "The cart is empty")];
    }
    let decimal = |amount: i64| Money::new(amount, cart.currency);
    let blocker = |(at, line): (usize, &OfferLine)| {
        let field = format!("line_items[{at}]");
        let Some(quote) = &line.quote else {
            return Some(Blocker::new("LINE_UNAVAILABLE", field, "The variant is not for sale"));
        };
        let Some(now) = line.unit_amount else {
            let message = format!("The variant is not sold in {}", cart.currency);
            return Some(Blocker::new("CURRENCY_NOT_OFFERED", field, message));
        };
        if quote.available < line.quantity {
            return Some(Blocker::out_of_stock(at, quote.available.max(0)));
        }
        line.previous_amount.map(|before| {
            let message = format!("The price of one was {} and is {} {}", decimal(before), decimal(now), cart.currency);
            Blocker::new("PRICE_CHANGED", field, message)
        })
    };
    lines.iter().enumerate().filter_map(blocker).collect()
}

fn delivery_blockers(cart: &Cart, served: bool, shipping_chosen: bool) -> Vec<Blocker> {
    let mut found = Vec::new();
    if cart.contact.email.is_none() {
        found.push(Blocker::new("EMAIL_MISSING", "email", "An e-mail address is needed"));
    }
    match cart.contact.country() {
        None => {
            found.push(Blocker::new("SHIPPING_ADDRESS_MISSING", "shipping_address", "A shipping address is needed"));
        }
        Some(country) if !served => {
            let message = format!("Nothing is shipped to {country} in {}", cart.currency);
            found.push(Blocker::new("COUNTRY_NOT_SERVED", "shipping_address.country", message));
        }
        Some(_) => {}
    }
    if !shipping_chosen {
        found.push(Blocker::new("SHIPPING_OPTION_MISSING", "shipping_option", "Choose one of the shipping options"));
    }
    found
}

/// The session is over the total that the customer was shown: nothing else may be charged.
fn payment_blocker(cart: &Cart, total: i64) -> Option<Blocker> {
    let field = "payment_session";
    match &cart.payment_session {
        None => Some(Blocker::new("PAYMENT_SESSION_MISSING", field, "Create a payment session")),
        Some(session) if session.amount != total => {
            let message = "The total has changed since the payment session was created; create another";
            Some(Blocker::new("PAYMENT_SESSION_OUTDATED", field, message))
        }
        Some(_) => None,
    }
}
