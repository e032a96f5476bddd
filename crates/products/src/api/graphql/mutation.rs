//! What can be changed.

use async_graphql::{Context, Object, Result};
use uuid::Uuid;

use super::Ask;
use super::inputs::{
    CategoryCreateInput, CategoryUpdateInput, InventoryLevelSetInput, PriceInput, ProductCreateInput,
    ProductUpdateInput, VariantInput, VariantUpdateInput,
};
use super::money::Int64;
use super::payload::{CategoryPayload, DeletePayload, ProductPayload, VariantPayload};
use crate::ops::{CreateVariant, SetVariantPrice};

/// The root of mutations.
pub(crate) struct Mutation;

/// What can be changed of the catalog. Takes the scope `products:write`. With the header `Idempotency-Key`, each mutation
/// of a request counts as a request of its own, under its name in the answer.
#[Object]
impl Mutation {
    /// Makes a product, with its variants, prices and stock.
    async fn product_create(&self, ctx: &Context<'_>, input: ProductCreateInput) -> Result<ProductPayload> {
        let (ask, context) = (Ask::of(ctx), Ask::of(ctx).context_of(ctx)?);
        ProductPayload::of(ask, ask.products.create_product(&context, input.into()).await).await
    }

    /// Changes a product's own fields.
    async fn product_update(
        &self,
        ctx: &Context<'_>,
        id: Uuid,
        input: ProductUpdateInput,
        #[graphql(desc = "Refuse unless it is at this version.")] expected_version: Option<Int64>,
    ) -> Result<ProductPayload> {
        let (ask, context) = (Ask::of(ctx), Ask::of(ctx).context_of(ctx)?);
        let command = input.command(id, expected_version.map(|version| version.0));
        ProductPayload::of(ask, ask.products.update_product(&context, command).await).await
    }

    /// Deletes a product with its variants. Stock that orders hold stays theirs.
    async fn product_delete(
        &self,
        ctx: &Context<'_>,
        id: Uuid,
        #[graphql(desc = "Refuse unless it is at this version.")] expected_version: Option<Int64>,
    ) -> Result<DeletePayload> {
        let (ask, context) = (Ask::of(ctx), Ask::of(ctx).context_of(ctx)?);
        let version = expected_version.map(|version| version.0);
        DeletePayload::of(ask.products.delete_product(&context, id, version).await)
    }

    /// Adds a variant at the end of a product's.
    async fn variant_create(&self, ctx: &Context<'_>, product_id: Uuid, input: VariantInput) -> Result<VariantPayload> {
        let (ask, context) = (Ask::of(ctx), Ask::of(ctx).context_of(ctx)?);
        let command = CreateVariant { product_id, variant: input.into() };
        VariantPayload::of(ask, ask.products.create_variant(&context, command).await).await
    }

    /// Changes a variant's own fields.
    async fn variant_update(
        &self,
        ctx: &Context<'_>,
        id: Uuid,
        input: VariantUpdateInput,
        #[graphql(desc = "Refuse unless it is at this version.")] expected_version: Option<Int64>,
    ) -> Result<VariantPayload> {
        let (ask, context) = (Ask::of(ctx), Ask::of(ctx).context_of(ctx)?);
        let command = input.command(id, expected_version.map(|version| version.0));
        VariantPayload::of(ask, ask.products.update_variant(&context, command).await).await
    }

    /// Deletes a variant. Stock that orders hold stays theirs.
    async fn variant_delete(
        &self,
        ctx: &Context<'_>,
        id: Uuid,
        #[graphql(desc = "Refuse unless it is at this version.")] expected_version: Option<Int64>,
    ) -> Result<DeletePayload> {
        let (ask, context) = (Ask::of(ctx), Ask::of(ctx).context_of(ctx)?);
        let outcome = ask.products.delete_variant(&context, id, expected_version.map(|version| version.0)).await;
        DeletePayload::of(outcome.map(|(variant_id, _)| variant_id))
    }

    /// Sets what a variant costs in one currency.
    async fn variant_price_set(
        &self,
        ctx: &Context<'_>,
        variant_id: Uuid,
        input: PriceInput,
    ) -> Result<VariantPayload> {
        let (ask, context) = (Ask::of(ctx), Ask::of(ctx).context_of(ctx)?);
        let command = input.command(variant_id);
        VariantPayload::of(ask, ask.products.set_variant_price(&context, command).await).await
    }

    /// Ends the sale of a variant in one currency.
    async fn variant_price_delete(
        &self,
        ctx: &Context<'_>,
        variant_id: Uuid,
        #[graphql(desc = "ISO 4217 code")] currency: String,
    ) -> Result<VariantPayload> {
        let (ask, context) = (Ask::of(ctx), Ask::of(ctx).context_of(ctx)?);
        let command = SetVariantPrice { variant_id, currency, amount: None, compare_at: None };
        VariantPayload::of(ask, ask.products.set_variant_price(&context, command).await).await
    }

    /// Makes a category.
    async fn category_create(&self, ctx: &Context<'_>, input: CategoryCreateInput) -> Result<CategoryPayload> {
        let (ask, context) = (Ask::of(ctx), Ask::of(ctx).context_of(ctx)?);
        CategoryPayload::of(ask, ask.products.create_category(&context, input.into()).await).await
    }

    /// Changes or moves a category.
    async fn category_update(
        &self,
        ctx: &Context<'_>,
        id: Uuid,
        input: CategoryUpdateInput,
        #[graphql(desc = "Refuse unless it is at this version.")] expected_version: Option<Int64>,
    ) -> Result<CategoryPayload> {
        let (ask, context) = (Ask::of(ctx), Ask::of(ctx).context_of(ctx)?);
        let command = input.command(id, expected_version.map(|version| version.0));
        CategoryPayload::of(ask, ask.products.update_category(&context, command).await).await
    }

    /// Deletes a category in which there is neither a product nor a category.
    async fn category_delete(
        &self,
        ctx: &Context<'_>,
        id: Uuid,
        #[graphql(desc = "Refuse unless it is at this version.")] expected_version: Option<Int64>,
    ) -> Result<DeletePayload> {
        let (ask, context) = (Ask::of(ctx), Ask::of(ctx).context_of(ctx)?);
        let version = expected_version.map(|version| version.0);
        DeletePayload::of(ask.products.delete_category(&context, id, version).await)
    }

    /// Sets how much of a variant lies at a location.
    async fn inventory_level_set(&self, ctx: &Context<'_>, input: InventoryLevelSetInput) -> Result<VariantPayload> {
        let (ask, context) = (Ask::of(ctx), Ask::of(ctx).context_of(ctx)?);
        let outcome = ask.products.set_inventory_level(&context, input.into()).await;
        VariantPayload::of(ask, outcome.map(|set| (set.variant_id, set.product_id))).await
    }
}
