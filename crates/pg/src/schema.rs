//! What a role's database holds.

use sqlx::migrate::Migrator;

/// A role's schema: how to make it, and what its runtime login may touch.
///
/// ```ignore
/// pub const SCHEMA: pg::Schema = pg::Schema {
///     role: "orders",
///     migrations: || messaging::with_ground(sqlx::migrate!()),
///     grants: &[messaging::GRANTS, &[pg::Grant { table: "carts", runtime: "SELECT, INSERT, UPDATE" }]],
///     unpaired_amounts: &[],
/// };
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Schema {
    /// The role that owns it.
    pub role: &'static str,
    /// Every migration, ordered by version: the ground's, then the role's own.
    pub migrations: fn() -> Migrator,
    /// Every table. What is not named here, the runtime login cannot touch.
    pub grants: &'static [&'static [Grant]],
    /// Columns such as `products.price` that hold an amount without a currency column beside them, on purpose.
    pub unpaired_amounts: &'static [&'static str],
}

/// What the runtime login may do with a table.
#[derive(Clone, Copy, Debug)]
pub struct Grant {
    /// The table.
    pub table: &'static str,
    /// Privileges as in SQL's GRANT, such as `SELECT, INSERT, UPDATE (sequence)`. Empty: none.
    pub runtime: &'static str,
}

impl Schema {
    /// All grants, of the ground and of the role.
    pub fn grants(&self) -> impl Iterator<Item = &'static Grant> + use<> {
        self.grants.iter().copied().flatten()
    }
}
