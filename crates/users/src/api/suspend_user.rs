//! `POST /api/v1/admin/users/{id}/suspend`

use std::sync::Arc;

use axum::extract::State;
use runtime::http::{ApiError, Caller, Data, PathParam, Reply};
use uuid::Uuid;

use super::view::UserView;
use crate::{Users, ops};

/// Close an account: it cannot sign in any more, and its sessions end.
#[utoipa::path(
    post,
    path = "/api/v1/admin/users/{id}/suspend",
    operation_id = "suspend_user",
    tag = "users",
    params(("id" = Uuid, Path, description = "The account")),
    responses((status = 200, description = "The suspended account", body = Data<UserView>))
)]
pub async fn suspend_user(
    State(users): State<Arc<Users>>,
    Caller(context): Caller,
    PathParam(id): PathParam<Uuid>,
) -> Result<Reply<UserView>, ApiError> {
    let user = ops::suspend_user(&users, &context, id).await?;
    let version = user.version;
    Ok(Reply::ok(user.into()).etag(version))
}
