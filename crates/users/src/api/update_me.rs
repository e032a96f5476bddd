//! `PATCH /api/v1/users/me`

use std::sync::Arc;

use axum::extract::State;
use kernel::FieldError;
use kernel::text::Checks;
use runtime::http::{ApiError, Caller, Data, IfMatch, Json, Reply};
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::UserView;
use super::{fields, present};
use crate::domain::email::Email;
use crate::domain::password::Password;
use crate::domain::user::UserChange;
use crate::domain::{self, MAX_NAME};
use crate::error::Error;
use crate::{Users, ops};

/// New values. What is not there stays as it is.
#[expect(clippy::option_option, reason = "the outer says whether the field is given, the inner whether it is null")]
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UpdateMeRequest {
    /// The name to sign in with; needs `current_password`.
    #[serde(deserialize_with = "present")]
    #[schema(schema_with = fields::email)]
    email: Option<String>,
    /// A new password; needs `current_password`. Ends the account's other sessions.
    #[serde(deserialize_with = "present")]
    #[schema(schema_with = fields::password)]
    password: Option<String>,
    /// The password as it is.
    #[serde(deserialize_with = "present")]
    #[schema(schema_with = fields::password)]
    current_password: Option<String>,
    /// First name.
    #[serde(deserialize_with = "present")]
    #[schema(schema_with = fields::name)]
    first_name: Option<String>,
    /// Last name.
    #[serde(deserialize_with = "present")]
    #[schema(schema_with = fields::name)]
    last_name: Option<String>,
    /// Telephone number; null takes it away.
    #[serde(deserialize_with = "present")]
    #[schema(schema_with = fields::phone_or_null)]
    phone: Option<Option<String>>,
}

/// Change the caller's own account.
#[utoipa::path(
    patch,
    path = "/api/v1/users/me",
    operation_id = "update_me",
    tag = "users",
    params(("If-Match" = Option<String>, Header, description = "The ETag that the change is based on")),
    request_body = UpdateMeRequest,
    responses((status = 200, description = "The account as it is now", body = Data<UserView>))
)]
pub async fn update_me(
    State(users): State<Arc<Users>>,
    Caller(context): Caller,
    if_match: IfMatch,
    Json(body): Json<UpdateMeRequest>,
) -> Result<Reply<UserView>, ApiError> {
    let user = ops::update_me(&users, &context, command(body, if_match)?).await?;
    let version = user.version;
    Ok(Reply::ok(user.into()).etag(version))
}

fn command(body: UpdateMeRequest, if_match: IfMatch) -> Result<ops::UpdateMe, Error> {
    let mut checks = Checks::new();
    let name = |field, text: Option<String>| text.map(|text| domain::line(field, &text, MAX_NAME)).transpose();
    let password = |field, text: Option<String>| text.map(|text| Password::parse(field, &text)).transpose();
    let phone = |text: Option<String>| text.map(|text| domain::phone("phone", &text)).transpose();
    let email = body.email.map(|text| Email::parse("email", &text)).transpose();
    let change = UserChange {
        email: checks.take(email).flatten(),
        first_name: checks.take(name("first_name", body.first_name)).flatten(),
        last_name: checks.take(name("last_name", body.last_name)).flatten(),
        phone: checks.take(body.phone.map(phone).transpose()).flatten(),
    };
    let new_password = checks.take(password("password", body.password)).flatten();
    let current_password: Result<_, FieldError> = password("current_password", body.current_password);
    let current_password = checks.take(current_password).flatten();
    checks.finish()?;
    Ok(ops::UpdateMe { change, password: new_password, current_password, if_match })
}
