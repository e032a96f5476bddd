//! Asks each instance again and again whether it is ready.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body as AnyBody;
use futures_util::future::join_all;
use http::{Request, StatusCode};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::config::UpstreamConfig;
use super::instance::Instance;
use super::pool::Lane;
use super::tries::Tries;

/// Asks until `stop`.
pub async fn run(name: &'static str, tries: Arc<Tries>, config: UpstreamConfig, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(Duration::from_millis(config.check_period_ms.max(10)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let instances = tries.members.all();
        join_all(instances.iter().map(|instance| check(name, instance, &config))).await;
        tries.figures.instances(&tries.members.states());
    }
}

/// Looks the names up until `stop`.
pub async fn resolve(tries: Arc<Tries>, every: Duration, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(every.max(Duration::from_secs(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        tries.members.resolve().await;
    }
}

async fn check(upstream: &'static str, instance: &Instance, config: &UpstreamConfig) {
    let asked = Instant::now();
    let answer = tokio::time::timeout(Duration::from_millis(config.check_timeout_ms), ask(instance)).await;
    match answer {
        Ok(Some(status)) => {
            if instance.checked(status == StatusCode::OK) {
                tracing::info!(upstream, instance = %instance.authority, "an instance answers again");
            }
        }
        Ok(None) | Err(_) => {
            // The connection may be to a machine that is no more.
            instance.pool.retire();
            if instance.missed(asked, config) {
                tracing::warn!(upstream, instance = %instance.authority, "an instance does not answer");
            }
        }
    }
}

async fn ask(instance: &Instance) -> Option<StatusCode> {
    let stream = instance.pool.stream(Lane::Usual).await.ok()?;
    let uri = format!("{}://{}/ready", instance.scheme, instance.authority);
    let request = Request::get(uri).body(AnyBody::empty()).ok()?;
    Some(stream.send(request).await.ok()?.status())
}
