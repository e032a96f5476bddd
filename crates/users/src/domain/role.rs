//! What accounts may do.

use std::str::FromStr;

use kernel::{Scope, Scopes};

/// The role of an account. Staff are customers too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Buys.
    Customer,
    /// Helps customers with their orders.
    Support,
    /// Keeps products, prices and stock.
    CatalogManager,
    /// May do everything.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 4] = [Role::Customer, Role::Support, Role::CatalogManager, Role::Admin];

    /// The name in the database and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Customer => "customer",
            Role::Support => "support",
            Role::CatalogManager => "catalog_manager",
            Role::Admin => "admin",
        }
    }

    /// What tokens of the role allow.
    pub fn scopes(self) -> Scopes {
        let staff: &[Scope] = match self {
            Role::Customer => &[],
            Role::Support => &[Scope::ReadUsers, Scope::ReadOrders, Scope::WriteOrders],
            Role::CatalogManager => &[Scope::ReadProducts, Scope::WriteProducts],
            Role::Admin => &Scope::ALL,
        };
        staff.iter().copied().chain([Scope::Customer]).collect()
    }
}

/// A text is not the name of a role.
#[derive(Debug, thiserror::Error)]
#[error("not a role")]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(name: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == name).ok_or(UnknownRole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_is_a_customer_and_only_admins_write_users() {
        for role in Role::ALL {
            assert!(role.scopes().has(Scope::Customer));
            assert_eq!(role.scopes().has(Scope::WriteUsers), role == Role::Admin);
            assert_eq!(role.as_str().parse::<Role>().unwrap(), role);
        }
        assert_eq!(Role::Admin.scopes(), Scopes::all());
        assert_eq!(Role::Customer.scopes().to_string(), "customer");
    }
}
