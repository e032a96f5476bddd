//! When a delivery that failed is tried again.

use chrono::{DateTime, TimeDelta, Utc};

/// The longest that a receiver may put an attempt off with `Retry-After`.
pub const LONGEST_WISH: TimeDelta = TimeDelta::hours(8);

/// How long to wait after so many failed attempts; none when that was the last. `chance` from 0 to 1 spreads the pauses by
/// a tenth up and down, so that what failed together does not come back together.
pub fn pause(retries: &[TimeDelta], failed: i32, wish: Option<TimeDelta>, chance: f64) -> Option<TimeDelta> {
    let planned = *usize::try_from(failed).ok()?.checked_sub(1).and_then(|at| retries.get(at))?;
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "pauses of hours, in milliseconds"
    )]
    let spread = TimeDelta::milliseconds((planned.num_milliseconds() as f64 * (0.9 + 0.2 * chance)) as i64);
    Some(wish.map_or(spread, |wish| spread.max(wish.min(LONGEST_WISH))))
}

/// What `Retry-After` asks for: seconds, or a time.
pub fn retry_after(header: &str, now: DateTime<Utc>) -> Option<TimeDelta> {
    let header = header.trim();
    if let Ok(seconds) = header.parse::<u32>() {
        return Some(TimeDelta::seconds(i64::from(seconds)));
    }
    let at = DateTime::parse_from_rfc2822(header).ok()?;
    Some((at.with_timezone(&Utc) - now).max(TimeDelta::zero()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRIES: [TimeDelta; 2] = [TimeDelta::seconds(10), TimeDelta::hours(1)];

    #[test]
    fn pauses_follow_the_plan_and_end_with_it() {
        assert_eq!(pause(&RETRIES, 1, None, 0.5), Some(TimeDelta::seconds(10)));
        assert_eq!(pause(&RETRIES, 1, None, 0.0), Some(TimeDelta::seconds(9)));
        assert_eq!(pause(&RETRIES, 2, None, 1.0), Some(TimeDelta::minutes(66)));
        assert_eq!(pause(&RETRIES, 3, None, 0.5), None);
        assert_eq!(pause(&[], 1, None, 0.5), None);
    }

    #[test]
    fn a_receivers_wish_lengthens_a_pause_within_bounds_and_never_shortens_it() {
        assert_eq!(pause(&RETRIES, 1, Some(TimeDelta::minutes(5)), 0.5), Some(TimeDelta::minutes(5)));
        assert_eq!(pause(&RETRIES, 1, Some(TimeDelta::seconds(1)), 0.5), Some(TimeDelta::seconds(10)));
        assert_eq!(pause(&RETRIES, 1, Some(TimeDelta::days(30)), 0.5), Some(LONGEST_WISH));
        assert_eq!(pause(&RETRIES, 3, Some(TimeDelta::seconds(1)), 0.5), None);
    }

    #[test]
    fn the_header_is_seconds_or_a_time() {
        let now = DateTime::parse_from_rfc3339("2026-03-01T12:00:00Z").unwrap().to_utc();
        assert_eq!(retry_after(" 120 ", now), Some(TimeDelta::seconds(120)));
        assert_eq!(retry_after("Sun, 01 Mar 2026 12:05:00 GMT", now), Some(TimeDelta::minutes(5)));
        assert_eq!(retry_after("Sun, 01 Mar 2026 11:05:00 GMT", now), Some(TimeDelta::zero()));
        for bad in ["", "soon", "-5", "1.5"] {
            assert_eq!(retry_after(bad, now), None, "{bad}");
        }
    }
}
