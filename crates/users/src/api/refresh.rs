//! `POST /api/v1/auth/refresh`

use std::sync::Arc;

use axum::extract::State;
use runtime::http::{ApiError, Caller, Data, Json, Reply};
use serde::Deserialize;
use utoipa::ToSchema;

use super::fields;
use super::login::TokensView;
use crate::{Users, ops};

/// The refresh token of the last answer.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshRequest {
    /// The token.
    #[schema(schema_with = fields::refresh_token)]
    refresh_token: String,
}

/// Give new tokens for a refresh token.
///
/// A refresh token is good for one use; a second use ends the session. To be able to ask again when an answer was lost,
/// send an `Idempotency-Key`: for a minute the same key gives the same refresh token.
#[utoipa::path(
    post,
    path = "/api/v1/auth/refresh",
    operation_id = "refresh",
    tag = "auth",
    request_body = RefreshRequest,
    responses(
        (status = 200, description = "The session's next tokens", body = Data<TokensView>),
        (status = 401, description = "The token is not valid, or not any more")
    )
)]
pub async fn refresh(
    State(users): State<Arc<Users>>,
    Caller(context): Caller,
    Json(body): Json<RefreshRequest>,
) -> Result<Reply<TokensView>, ApiError> {
    let token = fields::check_refresh_token(&body.refresh_token)?;
    let tokens = ops::refresh(&users, &context, token).await?;
    Ok(Reply::ok(tokens.into()))
}
