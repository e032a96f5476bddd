//! `GET /health`.

use runtime::http::{Data, Reply};
use serde::Serialize;
use utoipa::ToSchema;

/// A sign of life.
#[derive(Debug, Serialize, ToSchema)]
pub struct Alive {
    status: Life,
}

/// Always `alive`: a process that is not can't say so.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Life {
    /// It answers.
    Alive,
}

/// Whether the process is alive
///
/// Looks at nothing else: an unreachable database is no reason to restart the process. See `ready` for that.
#[utoipa::path(get, path = "/health", operation_id = "health", tag = "operations",
    responses((status = 200, description = "The process answers.", body = Data<Alive>)))]
pub async fn health() -> Reply<Alive> {
    Reply::ok(Alive { status: Life::Alive })
}
