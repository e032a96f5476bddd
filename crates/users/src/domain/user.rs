//! Accounts.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::email::Email;
use super::role::Role;

/// Whether an account may sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It may.
    Active,
    /// Staff closed it.
    Suspended,
}

impl Status {
    /// The name in the database and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Active => "active",
            Status::Suspended => "suspended",
        }
    }
}

/// A text is not the name of a status.
#[derive(Debug, thiserror::Error)]
#[error("not a status")]
pub struct UnknownStatus;

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(name: &str) -> Result<Self, UnknownStatus> {
        [Status::Active, Status::Suspended].into_iter().find(|s| s.as_str() == name).ok_or(UnknownStatus)
    }
}

/// A live account. Its `Debug` shows no personal data.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The id.
    pub id: Uuid,
    /// Where mail goes, and the name to sign in with.
    pub email: Email,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// Telephone number.
    pub phone: Option<String>,
    /// What it may do.
    pub role: Role,
    /// Whether it may sign in.
    pub status: Status,
    /// Grows by one with each change.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("id", &self.id).field("version", &self.version).finish_non_exhaustive()
    }
}

/// New values for some fields of an account.
#[derive(Clone, Default)]
pub struct UserChange {
    /// Where mail goes.
    pub email: Option<Email>,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// Telephone number; `Some(None)` takes it away.
    pub phone: Option<Option<String>>,
}

impl User {
    /// Takes the new values; gives the names of the fields that are different now.
    pub fn apply(&mut self, change: UserChange) -> Vec<&'static str> {
        let mut changed = Vec::new();
        let mut note = |different: bool, field| changed.extend(different.then_some(field));
        note(replace(&mut self.email, change.email), "email");
        note(replace(&mut self.first_name, change.first_name), "first_name");
        note(replace(&mut self.last_name, change.last_name), "last_name");
        note(replace(&mut self.phone, change.phone), "phone");
        changed
    }
}

/// Puts a new value in, if there is one; tells whether that changed anything.
pub(crate) fn replace<T: PartialEq>(place: &mut T, new: Option<T>) -> bool {
    match new {
        Some(new) if *place != new => {
            *place = new;
            true
        }
        _ => false,
    }
}
