//! Where an endpoint is.

use std::net::IpAddr;

use kernel::FieldError;
use reqwest::Url;

use super::networks::AllowedAddresses;

/// Longest address, in characters.
pub const MAX_URL: usize = 2_048;

/// What the configuration says of addresses.
#[derive(Clone, Debug)]
pub struct UrlRules {
    /// Whether `http` may be, too.
    pub allow_http: bool,
    /// The networks.
    pub addresses: AllowedAddresses,
}

impl UrlRules {
    /// Checks an address that a caller sent; gives it in its plain form. A name is looked up only when it is called.
    pub fn check(&self, field: &str, text: &str) -> Result<Url, FieldError> {
        let text = kernel::text::clean(field, text, 1, MAX_URL)?;
        let url = Url::parse(&text).map_err(|_| {
            FieldError::new(field, "INVALID_URL", format!("{field} takes an address such as https://example.com/hook"))
        })?;
        if url.scheme() != "https" && !(self.allow_http && url.scheme() == "http") {
            return Err(FieldError::new(field, "HTTPS_REQUIRED", format!("{field} takes an https address")));
        }
        if !url.username().is_empty() || url.password().is_some() {
            let message = format!("{field} takes no user and password: check the signature instead");
            return Err(FieldError::new(field, "CREDENTIALS_IN_URL", message));
        }
        if url.fragment().is_some() {
            return Err(FieldError::new(field, "INVALID_URL", format!("{field} takes no fragment")));
        }
        if url.as_str().len() > MAX_URL {
            return Err(FieldError::new(field, "TOO_LONG", format!("{field} takes at most {MAX_URL} characters")));
        }
        if literal(&url).is_some_and(|address| !self.addresses.allow(address)) {
            let message = format!("{field} takes an address on the public internet");
            return Err(FieldError::new(field, "ADDRESS_NOT_ALLOWED", message));
        }
        Ok(url)
    }
}

/// The IP address that a URL names itself, in whatever way it is written; none when it has a name.
pub fn literal(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<String, String> {
        let rules = UrlRules { allow_http: false, addresses: AllowedAddresses::default() };
        rules.check("url", text).map(String::from).map_err(|error| error.code.into_owned())
    }

    #[test]
    fn addresses_that_can_be_called_are_taken() {
        for good in [
            "https://example.com/",
            "https://example.com:8443/a?b=c",
            "https://1.1.1.1/",
            "https://[2606:4700::1111]/x",
        ] {
            assert_eq!(check(good).as_deref(), Ok(good));
        }
        assert_eq!(check("  https://EXAMPLE.com ").as_deref(), Ok("https://example.com/"));
    }

    #[test]
    fn others_are_refused_with_the_reason() {
        let long = format!("https://example.com/{}", "a".repeat(MAX_URL));
        for (bad, code) in [
            ("", "TOO_SHORT"),
            ("example.com", "INVALID_URL"),
            ("https://", "INVALID_URL"),
            ("http://example.com", "HTTPS_REQUIRED"),
            ("ftp://example.com", "HTTPS_REQUIRED"),
            ("file:///etc/passwd", "HTTPS_REQUIRED"),
            ("https://user@example.com", "CREDENTIALS_IN_URL"),
            ("https://:secret@example.com", "CREDENTIALS_IN_URL"),
            ("https://example.com/#part", "INVALID_URL"),
            (long.as_str(), "TOO_LONG"),
        ] {
            assert_eq!(check(bad).unwrap_err(), code, "{bad}");
        }
    }

    #[test]
    fn an_inner_address_is_seen_however_it_is_written() {
        for inner in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "127.0.0.1.",
            "169.254.169.254",
            "0",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[fd00:ec2::254]",
            "[64:ff9b::7f00:1]",
            "１２７.0.0.1",
        ] {
            assert_eq!(check(&format!("https://{inner}/")).unwrap_err(), "ADDRESS_NOT_ALLOWED", "{inner}");
        }
    }
}
