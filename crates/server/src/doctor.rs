//! Whether a shop's books are right, over all roles.

use std::time::Duration;

use kernel::{Context, Failure};
use serde::Serialize;

use crate::shop::Roles;

/// Time that the checks may take.
const BUDGET: Duration = Duration::from_mins(30);
/// An event may wait so long before it counts as unsent: a relay that works needs less than a second.
const UNSENT_SECONDS: i64 = 10;

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The role whose books are wrong.
    pub role: &'static str,
    /// What is wrong, with the id of the object concerned.
    pub what: String,
}

/// Everything that is wrong with the books of these roles, which may be at work meanwhile.
pub async fn findings(roles: &Roles) -> Result<Vec<Finding>, Failure> {
    let finding = |role, what| Finding { role, what };
    let mut found = Vec::new();
    if let Ok(users) = roles.users() {
        let violations = users::ops::find_violations(users).await?;
        found.extend(violations.into_iter().map(|v| finding("users", format!("{}: user {}", v.rule, v.user_id))));
    }
    if let Ok(products) = roles.products() {
        found.extend(products.findings().await?.into_iter().map(|what| finding("products", what)));
    }
    if let Ok(orders) = roles.orders() {
        let context = Context::system("doctor", BUDGET);
        let violations = orders::doctor::find_violations(orders, &context).await?;
        found.extend(violations.into_iter().map(|v| finding("orders", format!("{}: {}", v.rule, v.id))));
    }
    if let Ok(webhooks) = roles.webhooks() {
        let violations = webhooks::ops::find_violations(webhooks).await?;
        found.extend(violations.into_iter().map(|v| finding("webhooks", format!("{}: {}", v.rule, v.id))));
    }
    for db in &roles.databases {
        let backlog = messaging::relay::backlog(db).await.map_err(|error| pg::failure(&error))?;
        if backlog.events > 0 && backlog.seconds > UNSENT_SECONDS {
            let what = format!("{} events are unsent, the oldest for {} s", backlog.events, backlog.seconds);
            found.push(finding(db.role(), what));
        }
        if backlog.dead_letters > 0 {
            found.push(finding(db.role(), format!("{} events are dead letters", backlog.dead_letters)));
        }
    }
    Ok(found)
}
