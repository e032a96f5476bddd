//! Places where a test ends the process as `kill -9` would. Compiled only with the feature `failpoints`.

/// Names the place in the environment.
#[cfg(feature = "failpoints")]
const VARIABLE: &str = "TRADEPOST_CRASH_AT";

/// Ends the process here if `TRADEPOST_CRASH_AT` says so.
#[cfg(feature = "failpoints")]
pub(super) fn failpoint(name: &str) {
    if std::env::var(VARIABLE).is_ok_and(|wanted| wanted == name) {
        std::process::abort();
    }
}

/// Nothing, without the feature `failpoints`.
#[cfg(not(feature = "failpoints"))]
pub(super) fn failpoint(_: &str) {}
