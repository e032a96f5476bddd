//! `GET /api/v1/admin/products/export`

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use runtime::http::{ApiError, Caller, Query};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::Products;
use crate::ops;

/// How to export.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportProductsQuery {
    /// The format; `jsonl` when it is not there.
    #[param(inline)]
    format: Option<ExportFormat>,
}

/// A format to export in.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// One product a line.
    Jsonl,
    /// One variant a row.
    Csv,
}

/// Export every product as it is at this moment, in a form that an import reads back without loss.
#[utoipa::path(
    get,
    path = "/api/v1/admin/products/export",
    operation_id = "export_products",
    tag = "products",
    params(ExportProductsQuery),
    responses((
        status = 200,
        description = "The catalog",
        content((String = "application/x-ndjson"), (String = "text/csv"))
    ))
)]
pub async fn export_products(
    State(products): State<Arc<Products>>,
    Caller(context): Caller,
    Query(query): Query<ExportProductsQuery>,
) -> Result<Response, ApiError> {
    let (format, media_type, name) = match query.format {
        None | Some(ExportFormat::Jsonl) => (ops::ExportFormat::Jsonl, "application/x-ndjson", "products.jsonl"),
        Some(ExportFormat::Csv) => (ops::ExportFormat::Csv, "text/csv", "products.csv"),
    };
    let pages = products.export_products(&context, format).await?;
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers = [(header::CONTENT_TYPE, media_type.to_owned()), (header::CONTENT_DISPOSITION, disposition)];
    Ok((headers, Body::from_stream(pages)).into_response())
}
