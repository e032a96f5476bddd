//! What mutations answer: the changed object, or why it was refused.

use async_graphql::{Result, SimpleObject};
use kernel::Failure;
use uuid::Uuid;

use super::Ask;
use super::category::Category;
use super::errors::{error, is_refusal};
use super::product::{Product, Variant};
use crate::Error;

/// Why a mutation was refused.
#[derive(Clone, Debug, SimpleObject)]
pub(super) struct UserError {
    /// Stable code, SCREAMING_SNAKE_CASE.
    code: String,
    /// The argument concerned, such as `variants[0].sku`.
    field: Option<String>,
    /// A sentence for the developer.
    message: String,
}

/// A product, made or changed.
#[derive(Default, SimpleObject)]
pub(super) struct ProductPayload {
    /// The product; null when the mutation was refused.
    product: Option<Product>,
    /// Why it was refused; empty when it was done.
    user_errors: Vec<UserError>,
}

/// A variant, made or changed.
#[derive(Default, SimpleObject)]
pub(super) struct VariantPayload {
    /// The variant; null when the mutation was refused.
    variant: Option<Variant>,
    /// Its product; null when the mutation was refused.
    product: Option<Product>,
    /// Why it was refused; empty when it was done.
    user_errors: Vec<UserError>,
}

/// A category, made or changed.
#[derive(Default, SimpleObject)]
pub(super) struct CategoryPayload {
    /// The category; null when the mutation was refused.
    category: Option<Category>,
    /// Why it was refused; empty when it was done.
    user_errors: Vec<UserError>,
}

/// Something deleted.
#[derive(Default, SimpleObject)]
pub(super) struct DeletePayload {
    /// Its id; null when the mutation was refused.
    deleted_id: Option<Uuid>,
    /// Why it was refused; empty when it was done.
    user_errors: Vec<UserError>,
}

/// The result of an operation, or the refusals that belong into its payload; other failures are errors.
fn refusals<T>(outcome: Result<T, Error>) -> Result<Result<T, Vec<UserError>>> {
    let failure: Failure = match outcome {
        Ok(value) => return Ok(Ok(value)),
        Err(failed) => failed.into(),
    };
    if !is_refusal(&failure) {
        return Err(error(failure));
    }
    if failure.details.is_empty() {
        let Failure { code, message, .. } = failure;
        return Ok(Err(vec![UserError { code: code.into(), field: None, message: message.into() }]));
    }
    let errors = failure.details.into_iter().map(|detail| UserError {
        code: detail.code.into(),
        field: Some(detail.field),
        message: detail.message,
    });
    Ok(Err(errors.collect()))
}

impl ProductPayload {
    /// The payload of an operation that gave a product's id.
    pub(super) async fn of(ask: &Ask, outcome: Result<Uuid, Error>) -> Result<Self> {
        match refusals(outcome)? {
            Err(user_errors) => Ok(Self { user_errors, ..Self::default() }),
            Ok(id) => Ok(Self { product: changed(ask, id).await?, ..Self::default() }),
        }
    }
}

impl VariantPayload {
    /// The payload of an operation that gave a variant's id and its product's.
    pub(super) async fn of(ask: &Ask, outcome: Result<(Uuid, Uuid), Error>) -> Result<Self> {
        match refusals(outcome)? {
            Err(user_errors) => Ok(Self { user_errors, ..Self::default() }),
            Ok((variant_id, product_id)) => {
                let product = changed(ask, product_id).await?;
                let variant = match &product {
                    Some(product) => product.variant(variant_id).await?,
                    None => None,
                };
                Ok(Self { variant, product, user_errors: Vec::new() })
            }
        }
    }
}

impl CategoryPayload {
    /// The payload of an operation that gave a category's id.
    pub(super) async fn of(ask: &Ask, outcome: Result<Uuid, Error>) -> Result<Self> {
        match refusals(outcome)? {
            Err(user_errors) => Ok(Self { user_errors, ..Self::default() }),
            Ok(id) => {
                let tree = ask.products.category_tree().await.map_err(error)?;
                Ok(Self { category: Category::find(&tree, id), ..Self::default() })
            }
        }
    }
}

impl DeletePayload {
    /// The payload of an operation that deleted what has the id.
    pub(super) fn of(outcome: Result<Uuid, Error>) -> Result<Self> {
        match refusals(outcome)? {
            Err(user_errors) => Ok(Self { user_errors, ..Self::default() }),
            Ok(id) => Ok(Self { deleted_id: Some(id), ..Self::default() }),
        }
    }
}

/// The product as it is after a change; none when somebody has deleted it since.
async fn changed(ask: &Ask, id: Uuid) -> Result<Option<Product>> {
    let found = ask.products.find_changed_product(id).await.map_err(error)?;
    Ok(found.map(|product| Product::single(ask, product)))
}
