//! A part of a real broker for one test, or a broker of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use rustix::process::{Pid, Signal, kill_process};
use secrecy::ExposeSecret as _;
use servers::Server;
use servers::rabbitmq::{self, RabbitmqOptions, TlsFiles};
use tempfile::TempDir;
use uuid::Uuid;

use crate::Certificate;

/// Where the tests' broker is: an `amqp://` URL.
const BROKER: &str = "TRADEPOST_TEST_RABBITMQ";

/// An exchange of its own in the tests' broker. Names of queues begin with it, so tests do not meet.
pub struct TestBroker {
    /// Where the broker is.
    pub url: String,
    /// The exchange.
    pub exchange: String,
}

impl TestBroker {
    /// A name that nobody has used. Nothing is made in the broker yet.
    #[expect(clippy::new_without_default, reason = "it is new each time")]
    pub fn new() -> Self {
        let url = std::env::var(BROKER)
            .unwrap_or_else(|_| panic!("{BROKER} is not set: run ./dev test, which starts a broker and sets it"));
        Self { url, exchange: format!("test.{}", Uuid::new_v4().simple()) }
    }
}

/// A broker of one test, to be stopped, killed and started again with what it has. Ends with it.
pub struct PrivateBroker {
    options: RabbitmqOptions,
    server: Option<Server>,
    port: u16,
    _folder: TempDir,
}

impl PrivateBroker {
    /// Starts a broker and waits until it takes work.
    pub async fn start() -> Self {
        Self::start_showing(None).await
    }

    /// The same with TLS.
    pub async fn start_with_tls(certificate: &Certificate) -> Self {
        let files = TlsFiles { certificate: certificate.certificate.clone(), key: certificate.key.clone() };
        Self::start_showing(Some(files)).await
    }

    async fn start_showing(tls: Option<TlsFiles>) -> Self {
        let folder = tempfile::tempdir().expect("a folder is made");
        // It runs under an account of its own when root tests.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("a folder is opened to others");
        let options = RabbitmqOptions { data_dir: folder.path().join("data"), preferred_port: None, tls };
        let server = rabbitmq::start(options.clone()).await.expect("RabbitMQ starts");
        Self { options, port: server.port(), server: Some(server), _folder: folder }
    }

    /// Its address.
    pub fn url(&self) -> String {
        let server = self.server.as_ref().expect("the broker runs");
        let url = rabbitmq::url(server).expose_secret().to_owned();
        if self.options.tls.is_some() { url.replace("amqp://", "amqps://") } else { url }
    }

    /// Tells it to end, and waits until it has.
    pub async fn stop(&mut self) {
        let server = self.server.take().expect("the broker runs");
        server.stop().await.expect("the broker ends");
    }

    /// Ends it without a word.
    pub async fn kill(&mut self) {
        let mut server = self.server.take().expect("the broker runs");
        let pid = Pid::from_raw(server.pid().cast_signed()).expect("a process has an id");
        kill_process(pid, Signal::KILL).expect("a child takes signals");
        server.exited().await.expect("a killed process ends");
    }

    /// Starts it again where it was.
    pub async fn restart(&mut self) {
        let options = RabbitmqOptions { preferred_port: Some(self.port), ..self.options.clone() };
        let server = rabbitmq::start(options).await.expect("RabbitMQ starts again");
        assert_eq!(server.port(), self.port, "nobody took its port");
        self.server = Some(server);
    }
}
