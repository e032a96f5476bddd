//! Private servers as children of this process: found, made, started, watched, stopped. They listen on 127.0.0.1 only,
//! take nobody without their password, and run under another account when we are root.
//!
//! | module | holds |
//! |---|---|
//! | [`postgres`] | PostgreSQL, and a streaming replica of it |
//! | [`redis`], [`rabbitmq`] | the others |
//! | [`server`] | a running server, of whichever kind |
//! | `home` | the folder that a server lives in: its lock, password, log |
//! | `account` | who it runs as when we are root |
//! | `process` | its process, also one left behind by a process of ours that was killed |
//! | `programs`, [`ports`] | where programs are; free ports |
//!
//! The program `tradepost-servers` starts some for a script and ends them with it.

mod account;
mod error;
mod home;
pub mod ports;
pub mod postgres;
mod process;
mod programs;
pub mod rabbitmq;
pub mod redis;
pub mod server;

use std::path::Path;

pub use error::ServerError;
use home::Home;
pub use process::input_ended;
pub use server::Server;

/// The folders of all servers that a data folder may have, with the account that root runs each under.
const HOMES: [(&str, &str); 4] =
    [("replica", "postgres"), ("postgres", "postgres"), ("redis", "redis"), ("rabbitmq", "rabbitmq")];

/// Ends what a killed process of ours left behind in a data folder.
pub async fn end_leftovers(data_dir: &Path) -> Result<(), ServerError> {
    for (name, _) in HOMES.iter().filter(|(name, _)| Home::place(data_dir, name).symlink_metadata().is_ok()) {
        match *name {
            "replica" => postgres::replica::end_leftover(data_dir).await?,
            "postgres" => postgres::end_leftover(data_dir).await?,
            "redis" => redis::end_leftover(data_dir).await?,
            _ => rabbitmq::end_leftover(data_dir).await?,
        }
    }
    Ok(())
}

/// Removes the private servers of a data folder with all their data, ending them if they were left behind.
pub async fn erase(data_dir: &Path) -> Result<(), ServerError> {
    end_leftovers(data_dir).await?;
    for (name, usual) in HOMES {
        let place = Home::place(data_dir, name);
        if place.symlink_metadata().is_ok() {
            Home::open(data_dir, name, usual).await?.remove(&place)?;
        }
    }
    Ok(())
}
