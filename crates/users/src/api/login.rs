//! `POST /api/v1/auth/login`

use std::sync::Arc;

use axum::extract::State;
use crypto::ACCESS_TOKEN_SECONDS;
use kernel::text::Checks;
use runtime::http::{ApiError, Data, Json, Reply};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::fields;
use crate::domain::email::Email;
use crate::domain::password::Password;
use crate::error::Error;
use crate::{Users, ops};

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    /// The account's address.
    #[schema(schema_with = fields::email)]
    email: String,
    /// Its password.
    #[schema(schema_with = fields::password)]
    password: String,
}

/// What a signed-in client holds.
#[derive(Serialize, ToSchema)]
#[schema(as = Tokens)]
pub struct TokensView {
    /// Send it as `Authorization: Bearer …`.
    #[schema(max_length = 4096, pattern = r"^[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]+$")]
    access_token: String,
    /// How to send the access token.
    #[schema(schema_with = fields::token_type)]
    token_type: &'static str,
    /// Seconds that the access token is good for.
    #[schema(minimum = 1, maximum = 86400)]
    expires_in: i64,
    /// Gives the next tokens, once.
    #[schema(schema_with = fields::refresh_token)]
    refresh_token: String,
}

impl From<ops::Tokens> for TokensView {
    fn from(tokens: ops::Tokens) -> Self {
        Self {
            access_token: tokens.access_token,
            token_type: "Bearer",
            expires_in: ACCESS_TOKEN_SECONDS,
            refresh_token: tokens.refresh_token,
        }
    }
}

/// Sign in with email and password.
#[utoipa::path(
    post,
    path = "/api/v1/auth/login",
    operation_id = "login",
    tag = "auth",
    request_body = LoginRequest,
    responses(
        (status = 200, description = "Tokens of a new session", body = Data<TokensView>),
        (status = 401, description = "Email or password is wrong"),
        (status = 403, description = "The account is suspended")
    )
)]
pub async fn login(
    State(users): State<Arc<Users>>,
    Json(body): Json<LoginRequest>,
) -> Result<Reply<TokensView>, ApiError> {
    let tokens = ops::login(&users, command(&body)?).await?;
    Ok(Reply::ok(tokens.into()))
}

fn command(body: &LoginRequest) -> Result<ops::Login, Error> {
    let mut checks = Checks::new();
    let email = checks.take(Email::parse("email", &body.email));
    let password = checks.take(Password::parse("password", &body.password));
    let (Some(email), Some(password)) = (email, password) else {
        return Err(checks.into_failure().into());
    };
    Ok(ops::Login { email, password })
}
