//! Which roles a process runs, and so what it needs.

use runtime::http::Role;

/// The roles of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Here(Vec<Role>);

impl Here {
    /// All roles: a whole shop in one process.
    pub fn all() -> Self {
        Self(Role::ALL.to_vec())
    }

    /// The roles that are named so; none when a name is no role's.
    pub fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut roles = Vec::new();
        for name in names {
            let role = Role::ALL.into_iter().find(|role| role.as_str() == name)?;
            if !roles.contains(&role) {
                roles.push(role);
            }
        }
        Some(Self(roles))
    }

    /// Whether a role runs here.
    pub fn has(&self, role: Role) -> bool {
        self.0.contains(&role)
    }

    /// Whether every role runs here.
    pub fn is_whole(&self) -> bool {
        Role::ALL.into_iter().all(|role| self.has(role))
    }

    /// The roles here that others may ask: all but the edge.
    pub fn serving(&self) -> impl Iterator<Item = Role> {
        self.0.iter().copied().filter(|role| *role != Role::Gateway)
    }

    /// What the process is called by its peers and in traces.
    pub fn name(&self) -> String {
        self.0.iter().map(|role| role.as_str()).collect::<Vec<_>>().join("+")
    }

    /// The roles that those here ask, and that run elsewhere.
    pub fn elsewhere(&self) -> impl Iterator<Item = Role> {
        let is_asked = |role: Role| match role {
            Role::Gateway => false,
            // Everybody checks access tokens by its keys.
            Role::Users => true,
            Role::Products => self.has(Role::Gateway) || self.has(Role::Orders),
            Role::Orders | Role::Webhooks => self.has(Role::Gateway),
        };
        Role::ALL.into_iter().filter(move |role| is_asked(*role) && !self.has(*role))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_asks_those_that_it_needs_and_that_run_elsewhere() {
        let asks = |names: &[&str]| {
            let here = Here::named(names.iter().copied()).unwrap();
            here.elsewhere().map(Role::as_str).collect::<Vec<_>>()
        };
        assert_eq!(asks(&["gateway"]), ["users", "products", "orders", "webhooks"]);
        assert_eq!(asks(&["users"]), [""; 0]);
        assert_eq!(asks(&["products"]), ["users"]);
        assert_eq!(asks(&["orders"]), ["users", "products"]);
        assert_eq!(asks(&["orders", "products", "orders"]), ["users"]);
        assert_eq!(Here::all().elsewhere().count(), 0);
        assert_eq!(Here::named(["kitchen"]), None);
    }
}
