//! `DELETE /api/v1/users/me`

use std::sync::Arc;

use axum::extract::State;
use runtime::http::{ApiError, Caller, Reply};

use crate::{Users, ops};

/// Erase the caller's own account, for good. Personal data cannot be read any more; the address is free again.
#[utoipa::path(
    delete,
    path = "/api/v1/users/me",
    operation_id = "delete_me",
    tag = "users",
    responses((status = 204, description = "The account is erased"))
)]
pub async fn delete_me(State(users): State<Arc<Users>>, Caller(context): Caller) -> Result<Reply<()>, ApiError> {
    ops::delete_me(&users, &context).await?;
    Ok(Reply::no_content())
}
