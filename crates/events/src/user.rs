//! Events of a user account. They say that something changed, never to what: names and addresses stay with the account.

use serde::{Deserialize, Serialize};

/// The sort of object.
pub const AGGREGATE: &str = "user";

/// An account was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserCreated {}

impl UserCreated {
    /// The name in the log.
    pub const KIND: &'static str = "user.created";
}

/// Some of an account's fields have new values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserUpdated {
    /// The names of those fields.
    pub changed: Vec<String>,
}

impl UserUpdated {
    /// The name in the log.
    pub const KIND: &'static str = "user.updated";
}

/// An account was deleted and its data key destroyed. Whoever copied from it erases what they copied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserDeleted {}

impl UserDeleted {
    /// The name in the log.
    pub const KIND: &'static str = "user.deleted";
}
