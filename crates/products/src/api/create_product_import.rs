//! `POST /api/v1/admin/products/imports`

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use futures_util::TryStreamExt;
use kernel::Scope;
use runtime::http::extract::body_failure;
use runtime::http::{self, ApiError, Caller, Data, Policy, Query, Rate, Reply};
use serde::Deserialize;
use tokio_util::io::StreamReader;
use tokio_util::sync::CancellationToken;
use utoipa::{IntoParams, ToSchema};

use super::product_import::{ProductImport, RejectedRow};
use crate::Products;
use crate::import::Format;
use crate::ops::{ImportOptions, ImportStep};

/// Media types taken.
const CONTENT_TYPES: &[&str] = &["text/csv", "application/x-ndjson", "application/jsonl"];
/// Most bytes of a file.
const LIMIT_BYTES: usize = 1024 * 1024 * 1024;
/// How long an upload may take.
const DEADLINE: Duration = Duration::from_hours(1);
/// Most rejects in the answer.
const SHOWN_REJECTS: usize = 1000;

/// How to import.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CreateProductImportQuery {
    /// The file's format; told from the file when it is not there.
    #[param(inline)]
    format: Option<ImportFormat>,
    /// Count what would change, and change nothing.
    #[serde(default)]
    dry_run: bool,
}

/// A format to import.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportFormat {
    /// One product a line.
    Jsonl,
    /// One variant a row.
    Csv,
    /// The product CSV that Shopify exports.
    Shopify,
}

impl From<ImportFormat> for Format {
    fn from(format: ImportFormat) -> Self {
        match format {
            ImportFormat::Jsonl => Self::Jsonl,
            ImportFormat::Csv => Self::Csv,
            ImportFormat::Shopify => Self::Shopify,
        }
    }
}

/// What the edge must know of this operation.
pub fn policy() -> Policy {
    let body = http::Body::Stream { limit_bytes: LIMIT_BYTES, content_types: CONTENT_TYPES };
    Policy::scope(Scope::WriteProducts).rate(Rate::Bulk).body(body).deadline(DEADLINE)
}

/// Import products: adds what is new by handle and SKU, changes what differs, leaves what is the same. The file is read
/// while it arrives, and answered when all of it is in the catalog. After a cut send it again: nothing is done twice.
#[utoipa::path(
    post,
    path = "/api/v1/admin/products/imports",
    operation_id = "create_product_import",
    tag = "products",
    params(CreateProductImportQuery),
    request_body(
        description = "The file, UTF-8",
        content(
            (String = "text/csv", example = "handle,name,sku,price_EUR\nmug,Mug,MUG-1,9.90\n"),
            (String = "application/x-ndjson", example = "{\"handle\":\"mug\",\"name\":\"Mug\",\"variants\":[]}\n"),
            (String = "application/jsonl", example = "{\"handle\":\"mug\",\"name\":\"Mug\",\"variants\":[]}\n")
        )
    ),
    responses((status = 200, description = "What became of the products", body = Data<ProductImport>))
)]
pub async fn create_product_import(
    State(products): State<Arc<Products>>,
    Caller(context): Caller,
    Query(query): Query<CreateProductImportQuery>,
    body: Body,
) -> Result<Reply<ProductImport>, ApiError> {
    let began = products.clock.now();
    let chunks = body.into_data_stream().map_err(|error| io::Error::other(body_failure(&error)));
    let options = ImportOptions {
        source: "upload".to_owned(),
        format: query.format.map(Format::from),
        dry_run: query.dry_run,
        resume: false,
        stop: CancellationToken::new(),
    };
    let mut rejects: Vec<RejectedRow> = Vec::new();
    let keep = |step: ImportStep<'_>| match step {
        ImportStep::Rejected(reject) if rejects.len() < SHOWN_REJECTS => rejects.push(reject.into()),
        _ => {}
    };
    let outcome = products.import_products(&context, StreamReader::new(chunks), options, keep).await;
    products.replica.wrote(&products.db, &context).await;
    let report = outcome?;
    let now = products.clock.now();
    Ok(Reply::ok(ProductImport::of_report(&report, query.dry_run, rejects, began, now)))
}
