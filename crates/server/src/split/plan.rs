//! Which processes a split shop has.

use anyhow::{Context, ensure};
use runtime::http::Role;

/// Most instances of a role on one machine.
const MOST_INSTANCES: usize = 16;

/// How many instances each role has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan(Vec<(Role, usize)>);

impl Plan {
    /// One instance of every role, but for those that `instances` names: `["orders=2", "products=2"]`.
    pub fn new(instances: &[String]) -> anyhow::Result<Self> {
        let mut plan: Vec<_> = Role::ALL.into_iter().map(|role| (role, 1)).collect();
        for text in instances {
            let (name, count) = text.split_once('=').context("takes ROLE=COUNT, as in orders=2")?;
            let (_, planned) = plan
                .iter_mut()
                .find(|(role, _)| role.as_str() == name)
                .with_context(|| format!("there is no role {name}"))?;
            *planned = count.parse().with_context(|| format!("{count} is no number of instances"))?;
            ensure!((1..=MOST_INSTANCES).contains(planned), "{name} takes 1 to {MOST_INSTANCES} instances");
        }
        Ok(Self(plan))
    }

    /// Every process: its role, and which instance of it, from 1.
    pub fn processes(&self) -> impl Iterator<Item = (Role, usize)> {
        self.0.iter().flat_map(|(role, count)| (1..=*count).map(|instance| (*role, instance)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_has_a_process_and_some_have_more() {
        let plan = |texts: &[&str]| Plan::new(&texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>());
        assert_eq!(plan(&[]).unwrap().processes().count(), Role::ALL.len());
        let two = plan(&["orders=2", "gateway=3"]).unwrap();
        assert_eq!(two.processes().filter(|(role, _)| *role == Role::Orders).count(), 2);
        assert_eq!(two.processes().count(), Role::ALL.len() + 3);
        for wrong in ["orders", "orders=", "orders=0", "orders=17", "kitchen=1"] {
            assert!(plan(&[wrong]).is_err(), "{wrong}");
        }
    }
}
