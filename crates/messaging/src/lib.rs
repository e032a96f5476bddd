//! How a change in one role becomes work in another: exactly once in effect, in order for each object.
//!
//! | module | holds |
//! |---|---|
//! | [`log`] | [`emit`]: an event is written in the transaction of the change it tells of; [`history`] of an object |
//! | [`relay`] | [`Relay`]: numbers committed events and hands them to the transport, one per role |
//! | [`transport`] | the seam between relay and consumers; [`InProcess`] |
//! | [`rabbitmq`] | [`RabbitMq`]: the transport between processes |
//! | [`consumer`] | [`Consumer`]: handles each event in one transaction with its inbox row; retries, then a dead letter |
//! | [`dead_letters`] | what consumers gave up on, and how it is tried again |
//! | [`republish`] | events of the log once more, for consumers that missed them |
//! | [`idempotency`] | requests that are repeated with the same `Idempotency-Key` |
//! | [`ground`] | the tables that these need in every role's database |
//!
//! # Order
//!
//! Positions of the log are given when an event is written, but transactions commit in another order, so a reader that
//! remembers the last position it saw would skip what commits late. Here nobody reads by position. The relay looks for
//! events without a sequence, which it sees once they are committed, and numbers them in order of their positions. Two
//! events of one object keep their order: the later one is written when the earlier is committed, so its position is
//! higher, and no snapshot shows it without the earlier one. No gap can arise, because numbers are given after the
//! commit. A transaction that runs for long holds back its own events only.
//!
//! Order by transaction id below the oldest running transaction, the usual cure, was not taken. A transaction gets its
//! id at its first write. When the older of two then waits for the other's lock on an object, its event of that object is
//! the later one but would be read first.

pub mod consumer;
pub mod dead_letters;
mod failpoint;
pub mod ground;
pub mod idempotency;
pub mod log;
pub mod rabbitmq;
pub mod relay;
pub mod republish;
mod store;
mod trace;
pub mod transport;
mod wake;

pub use consumer::{ConsumeError, Consumer, Handle};
pub use ground::{GRANTS, purge, with_ground};
pub use idempotency::{FirstTime, Idempotency, Once};
pub use log::{NewEvent, emit, emit_many, history};
pub use rabbitmq::{RabbitMq, RabbitMqConfig, RabbitMqError};
pub use relay::{Backlog, Relay, backlog};
pub use transport::{InProcess, Transport, TransportError};
