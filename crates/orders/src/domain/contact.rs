//! How to reach a buyer. Personal data: no `Debug`, sealed wherever it is stored.

use kernel::Country;
use kernel::text::{Checks, clean};
use kernel::{Failure, FieldError};
use serde::{Deserialize, Serialize};

/// Pattern of a text of one line that is not empty: some visible character, no control characters.
pub const LINE_PATTERN: &str = r"^[^\x00-\x1F\x7F-\x9F]*[^\s\x00-\x1F\x7F-\x9F][^\x00-\x1F\x7F-\x9F]*$";
/// What an address for mail looks like.
pub const EMAIL_PATTERN: &str = concat!(
    r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-]+)*@",
    r"[A-Za-z0-9]([A-Za-z0-9\-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9\-]{0,61}[A-Za-z0-9])?)+$"
);
/// Longest address that a mail server can take (RFC 5321).
pub const MAX_EMAIL: usize = 254;
/// Longest first name, last name and region.
pub const MAX_NAME: usize = 100;
/// Longest company, line and city.
pub const MAX_LINE: usize = 200;
/// Longest postal code.
pub const MAX_POSTAL_CODE: usize = 20;
/// Longest phone number.
pub const MAX_PHONE: usize = 32;

/// E-mail and addresses of a cart or an order. Serialised only to be sealed.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Where mail goes.
    pub email: Option<String>,
    /// Where goods go.
    pub shipping_address: Option<Address>,
    /// Where the bill goes; none: as shipping.
    pub billing_address: Option<Address>,
}

/// A postal address.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// Company.
    pub company: Option<String>,
    /// Street and number.
    pub line1: String,
    /// Floor, building.
    pub line2: Option<String>,
    /// Town.
    pub city: String,
    /// State or province.
    pub region: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
    /// Country.
    pub country: Country,
    /// Phone.
    pub phone: Option<String>,
}

impl Contact {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The country that goods go to.
    pub fn country(&self) -> Option<Country> {
        self.shipping_address.as_ref().map(|address| address.country)
    }
}

impl Address {
    /// The address with its texts cleaned, under the field `field`. Failure: `VALIDATION_FAILED`.
    pub fn checked(self, field: &str) -> Result<Self, Failure> {
        let checks = &mut Checks::new();
        let cleaned = Self {
            first_name: required(checks, field, "first_name", &self.first_name, MAX_NAME),
            last_name: required(checks, field, "last_name", &self.last_name, MAX_NAME),
            company: optional(checks, field, "company", self.company, MAX_LINE),
            line1: required(checks, field, "line1", &self.line1, MAX_LINE),
            line2: optional(checks, field, "line2", self.line2, MAX_LINE),
            city: required(checks, field, "city", &self.city, MAX_LINE),
            region: optional(checks, field, "region", self.region, MAX_NAME),
            postal_code: optional(checks, field, "postal_code", self.postal_code, MAX_POSTAL_CODE),
            country: self.country,
            phone: optional(checks, field, "phone", self.phone, MAX_PHONE),
        };
        std::mem::take(checks).finish()?;
        Ok(cleaned)
    }
}

fn required(checks: &mut Checks, field: &str, name: &str, text: &str, max: usize) -> String {
    checks.take(line(&format!("{field}.{name}"), text, max)).unwrap_or_default()
}

/// Checks a text of one line; gives it without surrounding white space.
pub fn line(field: &str, text: &str, max: usize) -> Result<String, FieldError> {
    let text = clean(field, text, 1, max)?;
    if text.chars().any(char::is_control) {
        return Err(FieldError::new(field, "INVALID_CHARACTER", format!("{field} has a control character")));
    }
    Ok(text)
}

fn optional(checks: &mut Checks, field: &str, name: &str, text: Option<String>, max: usize) -> Option<String> {
    text.map(|text| required(checks, field, name, &text, max))
}

/// An address for mail, in lower case: the rule of browsers' e-mail fields, with dots only between other characters, and
/// one at least in the domain.
pub fn checked_email(field: &str, text: &str) -> Result<String, FieldError> {
    let text = clean(field, text, 3, MAX_EMAIL)?;
    let (local, domain) = text.rsplit_once('@').unwrap_or_default();
    let is_local = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&b);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let fits = local.len() <= 64 && local.split('.').all(|part| !part.is_empty() && part.bytes().all(is_local));
    if fits && domain.contains('.') && domain.split('.').all(is_label) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(FieldError::new(field, "INVALID_EMAIL", format!("{field} takes an address for mail, such as name@example.com")))
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        // The pattern without its anchors, which the generator doesn't know.
        #[test]
        fn the_published_pattern_and_the_check_say_the_same(text in &EMAIL_PATTERN[1..EMAIL_PATTERN.len() - 1]) {
            proptest::prop_assert_eq!(checked_email("email", &text).is_ok(), text.len() <= MAX_EMAIL && text.find('@') <= Some(64));
        }
    }

    #[test]
    fn addresses_for_mail_are_told_from_other_texts() {
        for good in ["a@b.co", "first.last+tag@sub.example.com", "a@xn--bcher-kva.example"] {
            assert!(checked_email("email", good).is_ok(), "{good}");
        }
        for bad in
            ["", "a", "a@b", "a@@b.co", "a b@c.co", "a@b..co", "@b.co", "ä@b.co", "a@-b.co", "a@.co", "a@b.co\u{0}"]
        {
            assert!(checked_email("email", bad).is_err(), "{bad}");
        }
    }
}
