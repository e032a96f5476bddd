//! `tradepost-servers FOLDER SERVER...`: starts private servers for a script, prints a line `name=address` for each, then
//! `ready`, and ends them when its input ends, however the script ended. They keep nothing and flush nothing to disk.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use secrecy::ExposeSecret as _;
use servers::postgres::{self, PostgresOptions};
use servers::rabbitmq::{self, RabbitmqOptions};
use servers::redis::{self, RedisOptions};
use servers::{Server, ServerError};
use tokio::signal::unix::{SignalKind, signal};

/// What suits a PostgreSQL that is thrown away, and many tests at once.
const POSTGRES_SETTINGS: [(&str, &str); 3] =
    [("fsync", "off"), ("full_page_writes", "off"), ("max_connections", "1500")];

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), names) = (arguments.next(), arguments.collect::<Vec<_>>()) else {
        eprintln!("usage: tradepost-servers FOLDER postgres|redis|rabbitmq...");
        return ExitCode::from(2);
    };
    match run(&PathBuf::from(folder), &names).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tradepost-servers: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(folder: &Path, names: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    // Asked for before anything starts: what is started is ended.
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut started = Vec::new();
    for name in names {
        let (server, url) = start(name, folder).await?;
        println!("{name}={url}");
        started.push(server);
    }
    println!("ready");
    tokio::select! {
        () = servers::input_ended() => {}
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    for server in started {
        server.stop().await?;
    }
    Ok(())
}

async fn start(name: &str, folder: &Path) -> Result<(Server, String), ServerError> {
    let data_dir = folder.to_owned();
    match name {
        "redis" => {
            let server = redis::start(RedisOptions { data_dir, ..RedisOptions::default() }).await?;
            let url = redis::url(&server).expose_secret().to_owned();
            Ok((server, url))
        }
        "rabbitmq" => {
            let server = rabbitmq::start(RabbitmqOptions { data_dir, ..RabbitmqOptions::default() }).await?;
            let url = rabbitmq::url(&server).expose_secret().to_owned();
            Ok((server, url))
        }
        _ => {
            let settings = POSTGRES_SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
            let server = postgres::start(PostgresOptions { data_dir, settings, ..PostgresOptions::default() }).await?;
            let url = postgres::superuser_url(&server, "postgres").expose_secret().to_owned();
            // Other clients don't know the driver's own parameters.
            let url = url.split_once('?').map_or(url.as_str(), |(address, _)| address).to_owned();
            Ok((server, url))
        }
    }
}
