//! The keys that access tokens are checked by: the users role's own where it runs here, else as it gives them.

use std::convert::Infallible;
use std::time::Duration;

use anyhow::Context as _;
use contracts::users::UsersClient;
use crypto::TokenVerifier;
use kernel::Context;
use runtime::Tasks;
use runtime::health::Health;

/// How often the keys are asked for: the longest that a new key is not known.
const PERIOD: Duration = Duration::from_secs(5);
/// The same until there are any.
const IMPATIENCE: Duration = Duration::from_millis(200);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Keeps the verifier's keys those of the users role, which runs elsewhere. Until it has answered once, the process takes
/// no tokens and is not ready.
pub(super) fn follow(users: UsersClient, verifier: &TokenVerifier, tasks: &Tasks, health: &Health) {
    let checked = verifier.clone();
    health.add("users.keys", move || {
        let has_keys = checked.has_keys();
        async move { if has_keys { Ok(()) } else { Err("the users role has not given its keys yet") } }
    });
    let (verifier, stop) = (verifier.clone(), tasks.shutdown_token());
    let work = async move {
        loop {
            if let Err(error) = fetch(&users, &verifier).await {
                tracing::warn!(%error, known = verifier.has_keys(), "the users role does not give its keys");
            }
            tokio::time::sleep(if verifier.has_keys() { PERIOD } else { IMPATIENCE }).await;
        }
    };
    tasks.spawn("users.keys", async move {
        stop.run_until_cancelled(work).await;
        Ok::<_, Infallible>(())
    });
}

async fn fetch(users: &UsersClient, verifier: &TokenVerifier) -> anyhow::Result<()> {
    let keys = users.jwks(&Context::system("keys", PATIENCE)).await?;
    verifier.set_keys(&keys).context("the keys of the users role cannot be used")
}
