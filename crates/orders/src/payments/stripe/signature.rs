//! Whether an event comes from Stripe: `Stripe-Signature: t=<unix time>,v1=<HMAC-SHA-256 of "t.body" in hex>`.

use chrono::{DateTime, TimeDelta, Utc};
use kernel::Secret;

use crate::error::Error;

/// How far the time of signing may be from now.
const TOLERANCE: TimeDelta = TimeDelta::seconds(300);

/// Lets an event in that is signed with one of `secrets`. While Stripe rotates a secret it sends a signature by each.
///
/// Errors: `INVALID_WEBHOOK_SIGNATURE`, `WEBHOOK_TOO_OLD`.
pub fn check(secrets: &[Secret], header: &str, body: &[u8], now: DateTime<Utc>) -> Result<(), Error> {
    let parts = || header.split(',').filter_map(|part| part.trim().split_once('='));
    let time = parts().find_map(|(name, value)| (name == "t").then_some(value)).ok_or(Error::WebhookSignature)?;
    let signed_at = time.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    let signed_at = signed_at.ok_or(Error::WebhookSignature)?;
    let expected: Vec<String> = secrets.iter().map(|secret| signature(secret, time, body)).collect();
    let signatures = parts().filter_map(|(name, value)| (name == "v1").then_some(value));
    let matches = |given: &str| {
        // Every secret is tried, so that the time doesn't tell which one fits.
        let equal = |expected: &String| crypto::constant_time_eq(given.as_bytes(), expected.as_bytes());
        expected.iter().filter(|expected| equal(expected)).count() > 0
    };
    if signatures.filter(|given| matches(given)).count() == 0 {
        return Err(Error::WebhookSignature);
    }
    if (now - signed_at).abs() > TOLERANCE {
        return Err(Error::WebhookTooOld);
    }
    Ok(())
}

fn signature(secret: &Secret, time: &str, body: &[u8]) -> String {
    let mac = crypto::hmac_sha256(secret.expose().as_bytes(), &[time.as_bytes(), b".", body]);
    mac.iter().fold(String::with_capacity(64), |mut hex, byte| {
        use std::fmt::Write as _;
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"id":"evt_1"}"#;

    fn header(secret: &str, at: DateTime<Utc>) -> String {
        let time = at.timestamp().to_string();
        format!("t={time},v1={}", signature(&Secret::from(secret), &time, BODY))
    }

    fn verdict(secrets: &[&str], header: &str, body: &[u8], now: DateTime<Utc>) -> &'static str {
        let secrets: Vec<Secret> = secrets.iter().map(|secret| Secret::from(*secret)).collect();
        check(&secrets, header, body, now).map_or_else(|error| error.code(), |()| "good")
    }

    #[test]
    fn only_what_is_signed_now_with_a_known_secret_is_let_in() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let good = header("new", now);
        assert_eq!(verdict(&["new"], &good, BODY, now), "good");
        assert_eq!(verdict(&["old", "new"], &good, BODY, now), "good");
        assert_eq!(verdict(&["old"], &good, BODY, now), "INVALID_WEBHOOK_SIGNATURE");
        assert_eq!(verdict(&["new"], &good, b"{}", now), "INVALID_WEBHOOK_SIGNATURE");
        assert_eq!(verdict(&["new"], &format!("{good},v1=00,v0=1"), BODY, now), "good");
        let old = header("old", now).replace("v1", "v0");
        assert_eq!(verdict(&["old"], &old, BODY, now), "INVALID_WEBHOOK_SIGNATURE");
        assert_eq!(verdict(&[], &good, BODY, now), "INVALID_WEBHOOK_SIGNATURE");
        for header in ["", "t=1", "v1=1", "t=x,v1=00", "t=99999999999999999999,v1=00", ",,=,t"] {
            assert_eq!(verdict(&["new"], header, BODY, now), "INVALID_WEBHOOK_SIGNATURE", "{header}");
        }
        for seconds in [-300, 300] {
            assert_eq!(verdict(&["new"], &good, BODY, now + TimeDelta::seconds(seconds)), "good");
        }
        for seconds in [-301, 301] {
            assert_eq!(verdict(&["new"], &good, BODY, now + TimeDelta::seconds(seconds)), "WEBHOOK_TOO_OLD");
        }
    }
}
