//! `GET /api/v1/admin/users`

use std::sync::Arc;

use axum::extract::State;
use runtime::http::{ApiError, Data, Query, Reply};
use serde::Deserialize;
use utoipa::IntoParams;

use super::fields;
use super::view::UserView;
use crate::domain::email::Email;
use crate::error::Error;
use crate::{Users, ops};

/// Which accounts.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListUsersQuery {
    /// The account with this address alone.
    #[param(schema_with = fields::email, required = false)]
    email: Option<String>,
    /// Accounts on the page; 20 when it is not there.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(max_length = 1024, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
}

/// List accounts, the newest first, or find one by its address.
#[utoipa::path(
    get,
    path = "/api/v1/admin/users",
    operation_id = "list_users",
    tag = "users",
    params(ListUsersQuery),
    responses((status = 200, description = "A page of accounts", body = Data<Vec<UserView>>))
)]
pub async fn list_users(
    State(users): State<Arc<Users>>,
    Query(query): Query<ListUsersQuery>,
) -> Result<Reply<Vec<UserView>>, ApiError> {
    let email = query.email.map(|text| Email::parse("email", &text)).transpose().map_err(invalid)?;
    let wanted = ops::ListUsers { email, limit: query.limit, cursor: query.cursor };
    let page = ops::list_users(&users, wanted).await?;
    Ok(Reply::ok(page.items.into_iter().map(UserView::from).collect()).page(page.next))
}

fn invalid(error: kernel::FieldError) -> Error {
    kernel::Failure::invalid(vec![error]).into()
}
