//! `GET /api/v1/users/me`

use std::sync::Arc;

use axum::extract::State;
use runtime::http::{ApiError, Caller, Data, Reply};

use super::view::UserView;
use crate::error::Error;
use crate::{Users, ops};

/// The caller's own account.
#[utoipa::path(
    get,
    path = "/api/v1/users/me",
    operation_id = "get_me",
    tag = "users",
    responses((status = 200, description = "The account", body = Data<UserView>))
)]
pub async fn get_me(State(users): State<Arc<Users>>, Caller(context): Caller) -> Result<Reply<UserView>, ApiError> {
    let id = context.user_id().ok_or(Error::UserNotFound)?;
    let user = ops::get_user(&users, &context, id).await?;
    let version = user.version;
    Ok(Reply::ok(user.into()).etag(version))
}
