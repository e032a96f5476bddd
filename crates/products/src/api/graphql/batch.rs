//! What the products of one page have. The first of them that is asked for its variants loads those of all: as many
//! statements as kinds of things are asked for, however many products there are.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::Result;
use pg::Server;
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::Ask;
use super::errors::error;
use crate::domain::{Image, Level, Location, Price, Product, Variant};
use crate::{Error, Products};

/// The products of a page, and what has been loaded of them.
pub(super) struct Batch {
    products: Arc<Products>,
    server: Server,
    ids: Vec<Uuid>,
    variants: OnceCell<HashMap<Uuid, Vec<Variant>>>,
    images: OnceCell<HashMap<Uuid, Vec<Image>>>,
    prices: OnceCell<HashMap<Uuid, Vec<Price>>>,
    levels: OnceCell<HashMap<Uuid, Vec<Level>>>,
    locations: OnceCell<HashMap<Uuid, Location>>,
}

impl Batch {
    /// The batch of `listed`.
    pub(super) fn of<'a>(ask: &Ask, listed: impl IntoIterator<Item = &'a Product>) -> Arc<Self> {
        Arc::new(Self {
            products: Arc::clone(&ask.products),
            server: ask.server,
            ids: listed.into_iter().map(|product| product.id).collect(),
            variants: OnceCell::new(),
            images: OnceCell::new(),
            prices: OnceCell::new(),
            levels: OnceCell::new(),
            locations: OnceCell::new(),
        })
    }

    /// Variants of one of the products.
    pub(super) async fn variants(&self, product: Uuid) -> Result<&[Variant]> {
        once(&self.variants, Box::pin(self.products.variants_of(self.server, &self.ids)), product).await
    }

    /// Pictures of one of the products.
    pub(super) async fn images(&self, product: Uuid) -> Result<&[Image]> {
        once(&self.images, Box::pin(self.products.images_of(self.server, &self.ids)), product).await
    }

    /// Prices of one of their variants.
    pub(super) async fn prices(&self, variant: Uuid) -> Result<&[Price]> {
        let load = async {
            let variants = self.variants.get_or_try_init(|| self.products.variants_of(self.server, &self.ids)).await?;
            let ids: Vec<Uuid> = variants.values().flatten().map(|variant| variant.id).collect();
            self.products.prices_of(self.server, &ids).await
        };
        once(&self.prices, Box::pin(load), variant).await
    }

    /// Stock of one of their variants.
    pub(super) async fn levels(&self, variant: Uuid) -> Result<&[Level]> {
        once(&self.levels, Box::pin(self.products.levels_of(self.server, &self.ids)), variant).await
    }

    /// A stock location.
    pub(super) async fn location(&self, id: Uuid) -> Result<Option<&Location>> {
        let locations = self.locations.get_or_try_init(|| Box::pin(self.products.locations(self.server))).await;
        locations.map(|locations| locations.get(&id)).map_err(error)
    }
}

/// What `of` has, once `load` has loaded it of all. The load is boxed by the caller: waiting for a connection takes much
/// room, which every field that waits for it would carry.
async fn once<V>(
    cell: &OnceCell<HashMap<Uuid, Vec<V>>>,
    load: impl Future<Output = Result<HashMap<Uuid, Vec<V>>, Error>>,
    of: Uuid,
) -> Result<&[V]> {
    let loaded = cell.get_or_try_init(|| load).await.map_err(error)?;
    Ok(loaded.get(&of).map_or(&[], Vec::as_slice))
}
