//! localstripe as a child process. Its test of the whole world stays on this machine: it listens on loopback alone and
//! writes no file.

use std::net::SocketAddr;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A Python that has localstripe and Stripe's own library.
pub const PYTHON: &str = "TRADEPOST_TEST_PYTHON";
/// Starts it without its own start-up, which listens everywhere and keeps its state in /tmp.
const START: &str = "
import asyncio, socket
from aiohttp import web
from localstripe import resources, server
resources.Store.dump_to_disk = lambda store: None
listening = socket.socket()
listening.bind(('127.0.0.1', 0))
print(listening.getsockname()[1], flush=True)
web.run_app(server.app, sock=listening, print=None, access_log=None, handle_signals=False, loop=asyncio.new_event_loop())
";

/// A running localstripe; killed with this value.
pub struct Localstripe {
    address: SocketAddr,
    _process: Child,
}

impl Localstripe {
    /// Starts one on a free port.
    pub async fn start() -> Self {
        let mut command = Command::new(python());
        command.args(["-c", START]).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().expect("TRADEPOST_TEST_PYTHON names a Python that runs");
        let output = process.stdout.take().expect("the output is piped");
        let mut port = String::new();
        BufReader::new(output).read_line(&mut port).await.expect("localstripe tells its port");
        let port = port.trim().parse().expect("localstripe starts (see above); `./dev test` installs it");
        Self { address: SocketAddr::from(([127, 0, 0, 1], port)), _process: process }
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// The Python of the tests.
pub fn python() -> String {
    let python = std::env::var(PYTHON);
    python.unwrap_or_else(|_| {
        panic!(
            "{PYTHON} is not set: tests of payments need a Python with localstripe and stripe, which `./dev test` makes"
        )
    })
}
