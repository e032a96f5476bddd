//! Loads what many products have at once.

use std::collections::HashMap;
use std::hash::Hash;

use pg::Server;
use uuid::Uuid;

use crate::domain::{Image, Level, Location, Price, Variant};
use crate::{Error, Products, store};

fn group<K: Eq + Hash, V>(rows: Vec<V>, key: impl Fn(&V) -> K) -> HashMap<K, Vec<V>> {
    let mut groups: HashMap<K, Vec<V>> = HashMap::new();
    for row in rows {
        groups.entry(key(&row)).or_default().push(row);
    }
    groups
}

impl Products {
    /// Live variants by product.
    pub async fn variants_of(&self, server: Server, products: &[Uuid]) -> Result<HashMap<Uuid, Vec<Variant>>, Error> {
        let mut conn = self.db.pool(server).acquire().await?;
        Ok(group(store::variants::of_products(&mut conn, products).await?, |variant| variant.product_id))
    }

    /// Pictures by product.
    pub async fn images_of(&self, server: Server, products: &[Uuid]) -> Result<HashMap<Uuid, Vec<Image>>, Error> {
        let mut conn = self.db.pool(server).acquire().await?;
        Ok(group(store::products::images(&mut conn, products).await?, |image| image.product_id))
    }

    /// Prices by variant.
    pub async fn prices_of(&self, server: Server, variants: &[Uuid]) -> Result<HashMap<Uuid, Vec<Price>>, Error> {
        let mut conn = self.db.pool(server).acquire().await?;
        Ok(group(store::prices::of_variants(&mut conn, variants).await?, |price| price.variant_id))
    }

    /// Levels of products' variants, by variant.
    pub async fn levels_of(&self, server: Server, products: &[Uuid]) -> Result<HashMap<Uuid, Vec<Level>>, Error> {
        let mut conn = self.db.pool(server).acquire().await?;
        Ok(group(store::levels::of_products(&mut conn, products).await?, |level| level.variant_id))
    }

    /// Stock locations by id.
    pub async fn locations(&self, server: Server) -> Result<HashMap<Uuid, Location>, Error> {
        let mut conn = self.db.pool(server).acquire().await?;
        let locations = store::levels::locations(&mut conn).await?;
        Ok(locations.into_iter().map(|location| (location.id, location)).collect())
    }
}
