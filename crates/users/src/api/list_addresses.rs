//! `GET /api/v1/users/me/addresses`

use std::sync::Arc;

use axum::extract::State;
use runtime::http::{ApiError, Caller, Data, Reply};

use super::view::AddressView;
use crate::{Users, ops};

/// The caller's address book: at most 50 addresses, the oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/users/me/addresses",
    operation_id = "list_addresses",
    tag = "users",
    responses((status = 200, description = "All addresses", body = Data<Vec<AddressView>>))
)]
pub async fn list_addresses(
    State(users): State<Arc<Users>>,
    Caller(context): Caller,
) -> Result<Reply<Vec<AddressView>>, ApiError> {
    let addresses = ops::list_addresses(&users, &context).await?;
    Ok(Reply::ok(addresses.into_iter().map(AddressView::from).collect()))
}
