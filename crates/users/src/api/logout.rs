//! `POST /api/v1/auth/logout`

use std::sync::Arc;

use axum::extract::State;
use runtime::http::{ApiError, Json, Reply};
use serde::Deserialize;
use utoipa::ToSchema;

use super::fields;
use crate::{Users, ops};

/// A refresh token of the session to end.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogoutRequest {
    /// The token.
    #[schema(schema_with = fields::refresh_token)]
    refresh_token: String,
}

/// End a session. A token that is not known is no error.
#[utoipa::path(
    post,
    path = "/api/v1/auth/logout",
    operation_id = "logout",
    tag = "auth",
    request_body = LogoutRequest,
    responses((status = 204, description = "The session has ended"))
)]
pub async fn logout(State(users): State<Arc<Users>>, Json(body): Json<LogoutRequest>) -> Result<Reply<()>, ApiError> {
    ops::logout(&users, fields::check_refresh_token(&body.refresh_token)?).await?;
    Ok(Reply::no_content())
}
