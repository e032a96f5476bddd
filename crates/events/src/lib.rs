//! What roles tell each other after the fact. An event carries no personal data in the clear.
//!
//! | module | holds |
//! |---|---|
//! | [`envelope`] | what travels around every payload |
//! | [`user`], [`product`], [`category`], [`inventory`], [`order`], [`webhook_endpoint`] | payloads, one file an aggregate |
//! | [`registry`] | every published event, with its owner and the version of its payload |
//!
//! A payload may gain optional fields; any other change makes a new kind. `samples/` keeps one of each as JSON, so that
//! a change that old events do not survive is seen.

pub mod category;
pub mod envelope;
pub mod inventory;
pub mod order;
pub mod product;
pub mod registry;
pub mod user;
pub mod webhook_endpoint;

pub use envelope::Envelope;
pub use registry::{EventType, REGISTRY, find};
