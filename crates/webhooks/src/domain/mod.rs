//! What endpoints and deliveries are, and the rules about them. No SQL, no HTTP.

pub mod delivery;
pub mod endpoint;
pub mod event_types;
pub mod networks;
pub mod url;
