//! What is not as it must be, for `doctor`.

use crate::{Error, Products, store};

impl Products {
    /// Every figure that is kept twice and differs, one sentence each.
    pub async fn findings(&self) -> Result<Vec<String>, Error> {
        let mut conn = self.db.primary().acquire().await?;
        let decimals = i32::try_from(self.currency.exponent()).unwrap_or(2);
        let mut findings = Vec::new();
        for id in store::findings::levels_against_ledger(&mut conn).await? {
            findings.push(format!("inventory level {id}: its counters differ from its movements"));
        }
        for id in store::findings::reserved_against_lines(&mut conn).await? {
            findings.push(format!("inventory level {id}: its reserved units differ from the open reservations"));
        }
        for id in store::findings::counts_against_levels(&mut conn).await? {
            findings.push(format!("product {id}: its inventory count differs from its variants' stock"));
        }
        for id in store::findings::prices_against_variants(&mut conn, self.currency.as_str(), decimals).await? {
            findings.push(format!("product {id}: its listing price is not its lowest price in {}", self.currency));
        }
        Ok(findings)
    }
}
