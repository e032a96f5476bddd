//! Addresses for mail.

use std::fmt;

use kernel::FieldError;

/// What an address looks like: the rule of the e-mail fields of browsers (HTML, "valid e-mail address"), with dots only
/// between other characters (RFC 5321), and at least one in the domain. International domains come in their ASCII form
/// (`xn--…`).
pub const EMAIL_PATTERN: &str = concat!(
    r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-]+)*@",
    r"[A-Za-z0-9]([A-Za-z0-9\-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9\-]{0,61}[A-Za-z0-9])?)+$"
);
/// Longest address that a mail server can take (RFC 5321).
pub const MAX_EMAIL: usize = 254;

/// An address, normalised: without surrounding white space, in lower case. Its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Checks and normalises an address.
    pub fn parse(field: &str, text: &str) -> Result<Self, FieldError> {
        let text = text.trim();
        if text.len() > MAX_EMAIL {
            return Err(FieldError::new(field, "TOO_LONG", format!("{field} takes at most {MAX_EMAIL} characters")));
        }
        let (local, domain) = text.rsplit_once('@').unwrap_or_default();
        if !is_local_part(local) || !is_domain(domain) {
            let message = format!("{field} takes an address for mail, such as name@example.com");
            return Err(FieldError::new(field, "INVALID_EMAIL", message));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }

    /// An address that was normalised before it was stored.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email([redacted])")
    }
}

fn is_local_part(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&b);
    text.len() <= 64 && text.split('.').all(|part| !part.is_empty() && part.bytes().all(allowed))
}

fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.contains('.') && text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Option<String> {
        Email::parse("email", text).ok().map(|email| email.0)
    }

    #[test]
    fn addresses_are_normalised() {
        assert_eq!(parse(" Ada.L+shop@Example.COM\n").as_deref(), Some("ada.l+shop@example.com"));
        assert_eq!(parse("a@xn--bcher-kva.example").as_deref(), Some("a@xn--bcher-kva.example"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let (long_local, long) = (format!("{}@b.co", "a".repeat(65)), format!("a@{}co", "abcdefgh.".repeat(30)));
        let bad = ["", "a", "@b.co", "a@", "a@b", "a b@c.co", "a@b..co", "a@-b.co", "a@b-.co", "a@b.co.", "ä@b.co"];
        let worse = [".a@b.co", "a.@b.co", "a..b@c.co", "a\0@b.co", "a@b@c.co", "\"a\"@b.co", &long_local, &long];
        for text in bad.into_iter().chain(worse) {
            assert!(parse(text).is_none(), "{text:?}");
        }
    }

    proptest! {
        // The published pattern and the check say the same, but for the lengths, which the format and the schema tell.
        #[test]
        fn the_pattern_tells_what_is_taken(text in EMAIL_PATTERN.trim_matches(['^', '$'])) {
            let fits = text.len() <= MAX_EMAIL && text.find('@').is_some_and(|local| local <= 64);
            prop_assert_eq!(parse(&text).is_some(), fits);
        }
    }
}
