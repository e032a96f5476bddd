//! The settings of the roles' processes: those of a data folder, with every address replaced by a proxy's.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use anyhow::{Context, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use super::Place;
use crate::faults::Part;

/// Roles that are asked by others.
const ASKED: [&str; 4] = ["users", "products", "orders", "webhooks"];
/// The secret of the payment provider's events.
pub const EVENTS_SECRET: &str = "whsec_of_the_stand_in_for_the_payment_provider";

/// A folder that the servers' accounts can enter.
pub fn folder() -> anyhow::Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("tradepost-chaos.").tempdir()?;
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o711))?;
    Ok(folder)
}

/// Makes databases, secrets, logins and a catalog by a start in one process; gives what it said of itself.
pub async fn prepare(program: &Path, folder: &Path) -> anyhow::Result<Value> {
    let tradepost = |arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).arg("--data").arg(folder).stdin(Stdio::null()).stdout(Stdio::null());
        command
    };
    let ended =
        tradepost(&["up", "--detach", "--port", "0"]).status().await.context("the program cannot be started")?;
    ensure!(ended.success(), "the shop could not be made");
    let run = std::fs::read(folder.join("run.json")).context("run.json")?;
    let ended = tradepost(&["down"]).status().await?;
    ensure!(ended.success(), "the shop could not be ended");
    Ok(serde_json::from_slice(&run)?)
}

/// The environment of every role's process.
pub fn common(
    folder: &Path,
    run: &Value,
    places: &BTreeMap<Part, Arc<Place>>,
) -> anyhow::Result<BTreeMap<String, String>> {
    let secrets: Value = serde_json::from_slice(&std::fs::read(folder.join("secrets.json"))?)?;
    let mut settings: BTreeMap<String, String> = serde_json::from_value(secrets["settings"].clone())?;
    let proxy = |part: &Part| places.get(part).map(|place| place.proxy.address.to_string()).unwrap_or_default();
    let (primary, replica) = (proxy(&Part::Server("postgres")), proxy(&Part::Server("replica")));
    for (role, url) in run["databases"].as_object().context("run.json has no databases")? {
        let url = url.as_str().unwrap_or_default();
        settings.insert(database_key(role), moved(url, &primary)?);
        if role == "products" {
            settings.insert("TRADEPOST__DATABASES__PRODUCTS__REPLICA_URL".into(), moved(url, &replica)?);
        }
    }
    for role in ASKED {
        let instances = places.keys().filter(|part| matches!(part, Part::Role(name, _) if name == role));
        let addresses: Vec<String> = instances.map(|part| format!("http://{}", proxy(part))).collect();
        settings.insert(format!("TRADEPOST__UPSTREAMS__{}", role.to_uppercase()), addresses.join(","));
    }
    let others = [
        ("TRADEPOST__INTERNAL__SECRET", STANDARD.encode(rand::random::<[u8; 32]>())),
        ("TRADEPOST__ORDERS__STRIPE__SECRET_KEY", "sk_test_of_a_stand_in".to_owned()),
        ("TRADEPOST__ORDERS__STRIPE__WEBHOOK_SECRET", EVENTS_SECRET.to_owned()),
        ("TRADEPOST__ORDERS__STRIPE__API_BASE", format!("http://{}", proxy(&Part::Payments))),
        ("TRADEPOST__ORDERS__STRIPE__TIMEOUT_MS", "2000".to_owned()),
        ("TRADEPOST__ORDERS__STRIPE__LOOK_AFTER_SECONDS", "10".to_owned()),
        ("TRADEPOST__WEBHOOKS__ALLOW_HTTP", "true".to_owned()),
        ("TRADEPOST__WEBHOOKS__ALLOW_PRIVATE_ADDRESSES", "127.0.0.0/8".to_owned()),
        ("TRADEPOST__WEBHOOKS__RETRY_SECONDS", "1,1,2,2,5,5,10,10,20,20".to_owned()),
        // Everybody comes from one address here.
        ("TRADEPOST__GATEWAY__LIMITS__ENABLED", "false".to_owned()),
        ("TRADEPOST__TELEMETRY__LOG", "info".to_owned()),
    ];
    settings.extend(others.map(|(key, value)| (key.to_owned(), value)));
    Ok(settings)
}

/// The setting of a role's database.
pub fn database_key(role: &str) -> String {
    format!("TRADEPOST__DATABASES__{}__URL", role.to_uppercase())
}

/// The same address at another host and port.
pub fn moved(url: &str, to: &str) -> anyhow::Result<String> {
    let (before, after) = url.rsplit_once('@').context("an address without a login")?;
    let path = after.find('/').map_or("", |slash| &after[slash..]);
    Ok(format!("{before}@{to}{path}"))
}
