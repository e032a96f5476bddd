//! What endpoints and deliveries are, and the rules about them. No SQL, no HTTP.

pub mod delivery;
pub mod endpoint;
pub mod event_types;
pub mod message;
pub mod networks;
pub mod schedule;
pub mod url;
