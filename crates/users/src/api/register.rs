//! `POST /api/v1/auth/register`

use std::sync::Arc;

use axum::extract::State;
use kernel::text::Checks;
use runtime::http::{ApiError, Caller, Data, Json, Reply};
use serde::Deserialize;
use utoipa::ToSchema;

use super::fields;
use super::view::UserView;
use crate::domain::email::Email;
use crate::domain::password::Password;
use crate::domain::{self, MAX_NAME};
use crate::error::Error;
use crate::{Users, ops};

/// Who registers.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterRequest {
    /// The name to sign in with.
    #[schema(schema_with = fields::email)]
    email: String,
    /// The password.
    #[schema(schema_with = fields::password)]
    password: String,
    /// First name.
    #[schema(schema_with = fields::name)]
    first_name: String,
    /// Last name.
    #[schema(schema_with = fields::name)]
    last_name: String,
    /// Telephone number.
    #[schema(schema_with = fields::phone_or_null)]
    phone: Option<String>,
}

/// Make a customer's account. Sign in next.
#[utoipa::path(
    post,
    path = "/api/v1/auth/register",
    operation_id = "register",
    tag = "auth",
    request_body = RegisterRequest,
    responses((status = 201, description = "The new account", body = Data<UserView>))
)]
pub async fn register(
    State(users): State<Arc<Users>>,
    Caller(context): Caller,
    Json(body): Json<RegisterRequest>,
) -> Result<Reply<UserView>, ApiError> {
    let user = ops::register(&users, &context, command(body)?).await?;
    Ok(Reply::created(user.into(), "/api/v1/users/me"))
}

fn command(body: RegisterRequest) -> Result<ops::Register, Error> {
    let mut checks = Checks::new();
    let email = checks.take(Email::parse("email", &body.email));
    let password = checks.take(Password::parse("password", &body.password));
    let first_name = checks.take(domain::line("first_name", &body.first_name, MAX_NAME));
    let last_name = checks.take(domain::line("last_name", &body.last_name, MAX_NAME));
    let phone = checks.take(body.phone.map(|phone| domain::phone("phone", &phone)).transpose());
    let (Some(email), Some(password), Some(first_name), Some(last_name), Some(phone)) =
        (email, password, first_name, last_name, phone)
    else {
        return Err(checks.into_failure().into());
    };
    Ok(ops::Register { email, password, first_name, last_name, phone })
}
