//! `GET /api/v1/admin/products/imports/{id}`

use std::sync::Arc;

use axum::extract::State;
use runtime::http::{ApiError, Caller, Data, PathParam, Reply};
use uuid::Uuid;

use super::product_import::ProductImport;
use crate::Products;

/// How an import stands, with the first rows that it refused.
#[utoipa::path(
    get,
    path = "/api/v1/admin/products/imports/{id}",
    operation_id = "get_product_import",
    tag = "products",
    params(("id" = Uuid, Path, description = "The import")),
    responses((status = 200, description = "The import", body = Data<ProductImport>))
)]
pub async fn get_product_import(
    State(products): State<Arc<Products>>,
    Caller(context): Caller,
    PathParam(id): PathParam<Uuid>,
) -> Result<Reply<ProductImport>, ApiError> {
    let found = products.find_product_import(&context, id).await?;
    Ok(Reply::ok(found.into()))
}
