//! `tradepost routes`.

use std::process::ExitCode;

use runtime::http::{Access, Route};

use super::{print, print_json};
use crate::shop;

/// Print the route table.
#[derive(clap::Args)]
pub struct Routes {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Routes {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let table = shop::route_table();
        if self.json {
            let rows: Vec<_> = table.iter().map(|route| row_json(route)).collect();
            print_json(&rows)?;
            return Ok(ExitCode::SUCCESS);
        }
        print(format_args!("{:<7} {:<64} {:<9} {:<28} {:<15} rate", "method", "path", "role", "operation", "access"))?;
        for route in table {
            let (method, access) = (route.method.as_str(), access(route.access));
            print(format_args!(
                "{method:<7} {:<64} {:<9} {:<28} {access:<15} {:?}",
                route.path,
                route.role.as_str(),
                route.operation,
                route.rate
            ))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn access(access: Access) -> &'static str {
    match access {
        Access::Public => "public",
        Access::Optional => "optional",
        Access::Scope(scope) => scope.as_str(),
    }
}

fn row_json(route: &Route) -> serde_json::Value {
    serde_json::json!({
        "method": route.method.as_str(),
        "path": route.path,
        "role": route.role,
        "operation": route.operation,
        "access": access(route.access),
        "rate": route.rate,
    })
}
