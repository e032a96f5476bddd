//! A private RabbitMQ with the Erlang name server that it needs: both listen on 127.0.0.1 only.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::net::TcpStream;
use tokio::process::Child;
use tokio::time::{Instant, sleep};

use crate::error::ServerError;
use crate::home::Home;
use crate::process::{self, POLL, TERM_THEN_KILL, end, has_ended, pid_of};
use crate::server::Server;
use crate::{ports, programs};

/// The folder of the server under the data folder.
const NAME: &str = "rabbitmq";
/// The name server's process.
const NAME_SERVER: &str = "epmd";
/// The account that root runs it under.
const USUAL_ACCOUNT: &str = "rabbitmq";
/// How long it may take to be ready: a quarter of a minute when nothing else runs.
const START_PATIENCE: Duration = Duration::from_mins(3);
/// How long the name server may take.
const NAME_SERVER_PATIENCE: Duration = Duration::from_secs(20);

/// How to start a private RabbitMQ.
#[derive(Clone, Debug, Default)]
pub struct RabbitmqOptions {
    /// Tradepost's data folder; the server lives in `rabbitmq` under it.
    pub data_dir: PathBuf,
    /// The port to listen on if nothing else does; otherwise a free one is taken.
    pub preferred_port: Option<u16>,
    /// Speaks TLS, and shows this; else it speaks in the clear.
    pub tls: Option<TlsFiles>,
}

/// A certificate and its key, PEM files.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// The ports of a node.
struct Ports {
    amqp: u16,
    distribution: u16,
    name_server: u16,
}

/// Starts the server of this data folder and waits until it takes work. One that was left behind is ended first.
pub async fn start(options: RabbitmqOptions) -> Result<Server, ServerError> {
    let home = Home::open(&options.data_dir, NAME, USUAL_ACCOUNT).await?;
    let program = programs::rabbitmq()?;
    process::end_noted(&home, NAME).await?;
    process::end_noted(&home, NAME_SERVER).await?;
    let password = home.ensure_password()?;
    let tls = options.tls.as_ref().map(|files| take_over(&home, files)).transpose()?;
    let deadline = Instant::now() + START_PATIENCE;
    let mut preferred = options.preferred_port;
    loop {
        let (amqp, distribution) = (ports::choose(preferred)?, ports::choose(None)?);
        let (name_server, name_server_port) = start_name_server(&home).await?;
        let ports = Ports { amqp, distribution, name_server: name_server_port };
        let (mut child, log_begin) = launch(&home, &program, &ports, &password, tls.as_ref())?;
        while let Some(pid) = pid_of(&child)
            && !has_ended(&mut child)
        {
            // Only our own node writes there: whoever answers at the port may be another.
            if home.log_tail(log_begin).contains("Server startup complete") {
                let (port, ways_to_end, companion) = (ports.amqp, TERM_THEN_KILL, Some(name_server));
                return Ok(Server { home, child, pid, port, password, ways_to_end, companion });
            }
            if Instant::now() > deadline {
                end(pid, TERM_THEN_KILL, || has_ended(&mut child)).await?;
            }
            sleep(POLL * 5).await;
        }
        let log = home.log_tail(log_begin);
        // Another process took a port since it was found free.
        if !log.contains("eaddrinuse") || Instant::now() > deadline {
            return Err(ServerError::Failed { what: "RabbitMQ did not start".to_owned(), log });
        }
        preferred = None;
    }
}

/// Its address with our login.
pub fn url(server: &Server) -> SecretString {
    server.address("amqp", "tradepost", "")
}

/// Ends the RabbitMQ that a killed process of ours left behind.
pub(crate) async fn end_leftover(data_dir: &Path) -> Result<(), ServerError> {
    let home = Home::open(data_dir, NAME, USUAL_ACCOUNT).await?;
    process::end_noted(&home, NAME).await?;
    process::end_noted(&home, NAME_SERVER).await
}

/// RabbitMQ would start one by itself that outlives it and listens everywhere.
async fn start_name_server(home: &Home) -> Result<(Child, u16), ServerError> {
    let program = programs::epmd()?;
    let deadline = Instant::now() + NAME_SERVER_PATIENCE;
    loop {
        let port = ports::choose(None)?;
        let (log, log_begin) = home.open_log()?;
        let mut command = home.account.command(&program, home.folder());
        command.args(["-port", &port.to_string(), "-address", &Ipv4Addr::LOCALHOST.to_string()]);
        command.stdout(std::process::Stdio::null()).stderr(log).process_group(0).kill_on_drop(true);
        let mut child = command.spawn().map_err(ServerError::io("run", &program))?;
        while let Some(pid) = pid_of(&child)
            && !has_ended(&mut child)
            && Instant::now() < deadline
        {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_ok() {
                process::note(home, NAME_SERVER, pid)?;
                return Ok((child, port));
            }
            sleep(POLL).await;
        }
        if Instant::now() > deadline {
            let log = home.log_tail(log_begin);
            return Err(ServerError::Failed { what: "Erlang's name server did not start".to_owned(), log });
        }
    }
}

/// Copies of the files that the server's account may read.
fn take_over(home: &Home, files: &TlsFiles) -> Result<TlsFiles, ServerError> {
    let copy = |name, file: &Path| {
        let text = std::fs::read_to_string(file).map_err(ServerError::io("read", file))?;
        home.write_private(name, &SecretString::from(text))
    };
    Ok(TlsFiles { certificate: copy("certificate.pem", &files.certificate)?, key: copy("key.pem", &files.key)? })
}

/// The settings of the one listener.
fn listener(port: u16, tls: Option<&TlsFiles>) -> String {
    match tls {
        None => format!("listeners.tcp.1 = 127.0.0.1:{port}\n"),
        Some(TlsFiles { certificate, key }) => format!(
            "listeners.tcp = none\nlisteners.ssl.1 = 127.0.0.1:{port}\nssl_options.certfile = {}\n\
             ssl_options.keyfile = {}\nssl_options.verify = verify_none\n",
            certificate.display(),
            key.display(),
        ),
    }
}

fn launch(
    home: &Home,
    program: &Path,
    ports: &Ports,
    password: &SecretString,
    tls: Option<&TlsFiles>,
) -> Result<(Child, u64), ServerError> {
    let settings = format!(
        "{}default_user = tradepost\ndefault_pass = {}\n\
         vm_memory_high_watermark.absolute = 512MB\ndisk_free_limit.absolute = 100MB\n\
         log.console = true\nlog.file = false\nlog.connection.level = warning\n",
        listener(ports.amqp, tls),
        password.expose_secret(),
    );
    let settings = home.write_private("rabbitmq.conf", &SecretString::from(settings))?;
    // No plugins: those of the system's own RabbitMQ would start otherwise.
    let plugins = home.write_private("enabled_plugins", &SecretString::from("[].".to_owned()))?;
    let (log, log_begin) = home.open_log()?;
    let log_too = log.try_clone().map_err(ServerError::io("open", home.folder()))?;
    let mut command = home.account.command(program, home.folder());
    command
        .env("HOME", home.subfolder("home")?)
        .env("RABBITMQ_NODENAME", "tradepost@localhost")
        .env("RABBITMQ_CONFIG_FILE", settings)
        .env("RABBITMQ_CONF_ENV_FILE", home.folder().join("no-such-file"))
        .env("RABBITMQ_MNESIA_BASE", home.subfolder("mnesia")?)
        .env("RABBITMQ_LOG_BASE", home.subfolder("log")?)
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", plugins)
        .env("RABBITMQ_DIST_PORT", ports.distribution.to_string())
        .env("ERL_EPMD_PORT", ports.name_server.to_string())
        .env("ERL_EPMD_ADDRESS", Ipv4Addr::LOCALHOST.to_string())
        // Threads that wait by spinning would take the processor from the others.
        .env(
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            "-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false +S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none",
        )
        // The script becomes the server, rather than its parent.
        .env("RUNNING_UNDER_SYSTEMD", "true")
        .stdout(log)
        .stderr(log_too)
        .process_group(0)
        .kill_on_drop(true);
    let child = command.spawn().map_err(ServerError::io("run", program))?;
    if let Some(pid) = pid_of(&child) {
        process::note(home, NAME, pid)?;
    }
    Ok((child, log_begin))
}
