//! `GET /api/v1/users/{id}`

use std::sync::Arc;

use axum::extract::State;
use runtime::http::{ApiError, Caller, Data, PathParam, Reply};
use uuid::Uuid;

use super::view::UserView;
use crate::{Users, ops};

/// An account: the caller's own, or any for staff.
#[utoipa::path(
    get,
    path = "/api/v1/users/{id}",
    operation_id = "get_user",
    tag = "users",
    params(("id" = Uuid, Path, description = "The account")),
    responses((status = 200, description = "The account", body = Data<UserView>))
)]
pub async fn get_user(
    State(users): State<Arc<Users>>,
    Caller(context): Caller,
    PathParam(id): PathParam<Uuid>,
) -> Result<Reply<UserView>, ApiError> {
    let user = ops::get_user(&users, &context, id).await?;
    let version = user.version;
    Ok(Reply::ok(user.into()).etag(version))
}
