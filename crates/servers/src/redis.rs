//! A private Redis. It keeps nothing: what Redis holds for Tradepost can be lost.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Child;
use tokio::time::{Instant, sleep, timeout};

use crate::error::ServerError;
use crate::home::Home;
use crate::process::{self, POLL, TERM_THEN_KILL, has_ended, pid_of};
use crate::server::Server;
use crate::{ports, programs};

/// The folder of the server under the data folder.
const NAME: &str = "redis";
/// The account that root runs it under.
const USUAL_ACCOUNT: &str = "redis";
/// How long it may take to be ready.
const START_PATIENCE: Duration = Duration::from_secs(30);
/// How long an answer may take.
const ANSWER_PATIENCE: Duration = Duration::from_secs(1);

/// How to start a private Redis.
#[derive(Clone, Debug, Default)]
pub struct RedisOptions {
    /// Tradepost's data folder; the server lives in `redis` under it.
    pub data_dir: PathBuf,
    /// The port to listen on if nothing else does; otherwise a free one is taken.
    pub preferred_port: Option<u16>,
}

/// Starts the server of this data folder and waits until it answers. One that was left behind is ended first.
pub async fn start(options: RedisOptions) -> Result<Server, ServerError> {
    let home = Home::open(&options.data_dir, NAME, USUAL_ACCOUNT).await?;
    let program = programs::redis()?;
    process::end_noted(&home, NAME).await?;
    let password = home.ensure_password()?;
    let deadline = Instant::now() + START_PATIENCE;
    let mut preferred = options.preferred_port;
    loop {
        let port = ports::choose(preferred)?;
        let (mut child, log_begin) = launch(&home, &program, port, &password)?;
        while let Some(pid) = pid_of(&child)
            && Instant::now() < deadline
            && !has_ended(&mut child)
        {
            if answers(port, &password).await {
                process::note(&home, NAME, pid)?;
                let ways_to_end = TERM_THEN_KILL;
                return Ok(Server { home, child, pid, port, password, ways_to_end, companion: None });
            }
            sleep(POLL).await;
        }
        let log = home.log_tail(log_begin);
        // Another process took the port since it was found free.
        if !log.contains("Address already in use") || Instant::now() > deadline {
            return Err(ServerError::Failed { what: "Redis did not start".to_owned(), log });
        }
        preferred = None;
    }
}

/// Its address with its password.
pub fn url(server: &Server) -> SecretString {
    server.address("redis", "", "")
}

/// Ends the Redis that a killed process of ours left behind.
pub(crate) async fn end_leftover(data_dir: &Path) -> Result<(), ServerError> {
    let home = Home::open(data_dir, NAME, USUAL_ACCOUNT).await?;
    process::end_noted(&home, NAME).await
}

fn launch(home: &Home, program: &Path, port: u16, password: &SecretString) -> Result<(Child, u64), ServerError> {
    let address = Ipv4Addr::LOCALHOST;
    let settings = format!(
        "bind {address}\nport {port}\nrequirepass {}\nsave \"\"\nappendonly no\nmaxmemory 256mb\n\
         maxmemory-policy allkeys-lru\ndaemonize no\n",
        password.expose_secret(),
    );
    let settings = home.write_private("redis.conf", &SecretString::from(settings))?;
    let (log, log_begin) = home.open_log()?;
    let log_too = log.try_clone().map_err(ServerError::io("open", home.folder()))?;
    let mut command = home.account.command(program, home.folder());
    command.arg(settings).stdout(log).stderr(log_too).process_group(0).kill_on_drop(true);
    let child = command.spawn().map_err(ServerError::io("run", program))?;
    Ok((child, log_begin))
}

/// Whether a Redis answers there that knows the password: another process may have taken the port.
async fn answers(port: u16, password: &SecretString) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream.write_all(format!("AUTH {}\r\n", password.expose_secret()).as_bytes()).await?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).await?;
        std::io::Result::Ok(&answer == b"+OK\r\n")
    };
    timeout(ANSWER_PATIENCE, ask).await.is_ok_and(|answer| answer.unwrap_or(false))
}
