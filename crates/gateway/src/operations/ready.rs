//! `GET /ready`.

use std::sync::Arc;

use axum::extract::State;
use kernel::{Failure, FieldError};
use runtime::health::{CheckResult, Health, Status};
use runtime::http::{ApiError, Data, Reply};
use serde::Serialize;
use utoipa::ToSchema;

use super::Edge;
use crate::upstream::{State as InstanceState, Upstream};

/// What was looked at.
#[derive(Debug, Serialize, ToSchema)]
pub struct Ready {
    /// Every dependency that was looked at, all usable.
    #[schema(max_items = 100)]
    checks: Vec<Check>,
    /// The roles that run elsewhere. One that is away keeps nobody from asking the others.
    #[schema(max_items = 10)]
    upstreams: Vec<Elsewhere>,
}

/// A role that runs elsewhere.
#[derive(Debug, Serialize, ToSchema)]
pub struct Elsewhere {
    /// The role.
    #[schema(max_length = 64, pattern = "^[a-z]+$", example = "orders")]
    name: &'static str,
    /// Whether requests are sent to it; false after many that nobody answered.
    open: bool,
    /// How each of its instances does. Where they are is for the metrics.
    #[schema(max_items = 1000)]
    instances: Vec<InstanceState>,
}

/// A dependency that can be used.
#[derive(Debug, Serialize, ToSchema)]
pub struct Check {
    /// Its name, the role first.
    #[schema(max_length = 64, pattern = "^[a-z_.]+$", example = "orders.database")]
    name: &'static str,
    status: Usable,
}

/// `ok`, or `degraded`: something that the process can do without. What it needs makes the whole answer a 503.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Usable {
    /// It can be used.
    Ok,
    /// It can't be used, and is not needed.
    Degraded,
}

/// Whether all that the roles need can be used
///
/// Names every dependency. With one that fails it is a 503 `NOT_READY` that names those in `details`.
#[utoipa::path(get, path = "/ready", operation_id = "ready", tag = "operations",
    responses((status = 200, description = "Everything can be used.", body = Data<Ready>)))]
pub async fn ready(State(edge): State<Arc<Edge>>) -> Result<Reply<Ready>, ApiError> {
    let upstreams: &[_] = edge.upstreams.get().map_or(&[], Vec::as_slice);
    look(&edge.health, upstreams).await
}

/// What was looked at, unless something that is needed can't be used.
pub(super) async fn look(health: &Health, upstreams: &[Arc<Upstream>]) -> Result<Reply<Ready>, ApiError> {
    let readiness = health.ready().await;
    if !readiness.ready {
        return Err(not_ready(&readiness.checks).into());
    }
    let checks =
        readiness.checks.iter().map(|check| Check { name: check.name, status: usable(check.status) }).collect();
    let upstreams = upstreams.iter().map(|upstream| Elsewhere::of(upstream)).collect();
    Ok(Reply::ok(Ready { checks, upstreams }))
}

fn usable(status: Status) -> Usable {
    if status == Status::Ok { Usable::Ok } else { Usable::Degraded }
}

impl Elsewhere {
    fn of(upstream: &Upstream) -> Self {
        Self { name: upstream.role().as_str(), open: !upstream.is_cut_off(), instances: upstream.instances() }
    }
}

fn not_ready(checks: &[CheckResult]) -> Failure {
    let failed = checks.iter().filter(|check| check.status == Status::Failed);
    let details = failed.map(|check| FieldError::new(check.name, "FAILED", "It can't be used at the moment")).collect();
    let mut failure = Failure::unavailable();
    failure.code = "NOT_READY".into();
    failure.message = "Something that is needed can't be used; see details".into();
    failure.details = details;
    failure
}
