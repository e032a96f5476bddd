//! What can go wrong in this role, each with its kind and code.

use kernel::{ErrorKind, Failure};
use thiserror::Error;

/// An operation of this role failed.
#[derive(Clone, Debug, Error)]
pub enum Error {
    /// No such product, or none that the caller may see.
    #[error("Product not found")]
    ProductNotFound,
    /// No such variant.
    #[error("Variant not found")]
    VariantNotFound,
    /// No such import.
    #[error("Import not found")]
    ImportNotFound,
    /// No such category.
    #[error("Category not found")]
    CategoryNotFound,
    /// No such stock location.
    #[error("Stock location not found")]
    LocationNotFound,
    /// Another product or category has the slug.
    #[error("The slug is taken")]
    SlugTaken,
    /// Another variant has the SKU.
    #[error("The SKU is taken")]
    SkuTaken,
    /// The category has products or categories in it.
    #[error("The category is not empty")]
    CategoryNotEmpty,
    /// The category would be part of itself, or too deep.
    #[error("The category cannot be put there")]
    CategoryMisplaced,
    /// The object is at another version than the caller expects.
    #[error("The object has changed since; read it again")]
    VersionMismatch,
    /// Orders hold more than would be left.
    #[error("Orders hold more stock than that")]
    StockReserved,
    /// The order's reservation was committed, released or expired before.
    #[error("The reservation has ended")]
    ReservationEnded,
    /// A failure with its own code.
    #[error("{0}")]
    Failure(Failure),
}

impl Error {
    /// The class.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::ProductNotFound
            | Self::VariantNotFound
            | Self::ImportNotFound
            | Self::CategoryNotFound
            | Self::LocationNotFound => ErrorKind::NotFound,
            Self::SlugTaken
            | Self::SkuTaken
            | Self::CategoryNotEmpty
            | Self::CategoryMisplaced
            | Self::StockReserved
            | Self::ReservationEnded => ErrorKind::Conflict,
            Self::VersionMismatch => ErrorKind::Precondition,
            Self::Failure(failure) => failure.kind,
        }
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::ProductNotFound => "PRODUCT_NOT_FOUND",
            Self::VariantNotFound => "VARIANT_NOT_FOUND",
            Self::ImportNotFound => "IMPORT_NOT_FOUND",
            Self::CategoryNotFound => "CATEGORY_NOT_FOUND",
            Self::LocationNotFound => "LOCATION_NOT_FOUND",
            Self::SlugTaken => "SLUG_TAKEN",
            Self::SkuTaken => "SKU_TAKEN",
            Self::CategoryNotEmpty => "CATEGORY_NOT_EMPTY",
            Self::CategoryMisplaced => "CATEGORY_MISPLACED",
            Self::VersionMismatch => "VERSION_MISMATCH",
            Self::StockReserved => "STOCK_RESERVED",
            Self::ReservationEnded => "RESERVATION_ENDED",
            Self::Failure(_) => "INTERNAL_ERROR",
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<sqlx::Error> for Error {
    /// What a unique index refused has a name of its own; the rest is the database's failure.
    fn from(error: sqlx::Error) -> Self {
        match pg::violated_constraint(&error) {
            Some("idx_products_slug" | "idx_categories_slug") => Self::SlugTaken,
            Some("idx_variants_sku") => Self::SkuTaken,
            Some("inventory_levels_no_oversell") => Self::StockReserved,
            _ => Self::Failure(pg::failure(&error)),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Failure(failure) => failure,
            other => Failure::new(other.kind(), other.code(), other.to_string()),
        }
    }
}
