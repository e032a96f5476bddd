//! A part of a real broker for one test.

use uuid::Uuid;

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
