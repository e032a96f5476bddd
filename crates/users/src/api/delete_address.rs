//! `DELETE /api/v1/users/me/addresses/{id}`

use std::sync::Arc;

use axum::extract::State;
use runtime::http::{ApiError, Caller, IfMatch, PathParam, Reply};
use uuid::Uuid;

use crate::{Users, ops};

/// Take an address out of the caller's book.
#[utoipa::path(
    delete,
    path = "/api/v1/users/me/addresses/{id}",
    operation_id = "delete_address",
    tag = "users",
    params(
        ("id" = Uuid, Path, description = "The address"),
        ("If-Match" = Option<String>, Header, description = "The ETag that the deletion is based on")
    ),
    responses((status = 204, description = "The address is gone"))
)]
pub async fn delete_address(
    State(users): State<Arc<Users>>,
    Caller(context): Caller,
    PathParam(id): PathParam<Uuid>,
    if_match: IfMatch,
) -> Result<Reply<()>, ApiError> {
    ops::delete_address(&users, &context, id, if_match).await?;
    Ok(Reply::no_content())
}
