//! Passwords as people type them.

use kernel::FieldError;
use secrecy::{ExposeSecret, SecretString};

/// Shortest password, in characters.
pub const MIN_PASSWORD: usize = 8;
/// Longest password, in characters. bcrypt reads 72 bytes; [`crate::passwords`] says how longer ones are handled.
pub const MAX_PASSWORD: usize = 128;
/// What a password looks like: anything but NUL, which bcrypt would end at.
pub const PASSWORD_PATTERN: &str = r"^[^\x00]*$";

/// A password in the clear, on its way to be hashed. Its `Debug` shows nothing of it.
#[derive(Clone, Debug)]
pub struct Password(SecretString);

impl Password {
    /// Checks a new password. Nothing is trimmed: a space counts.
    pub fn parse(field: &str, text: &str) -> Result<Self, FieldError> {
        let length = text.chars().count();
        if text.contains('\0') {
            return Err(FieldError::new(field, "INVALID_CHARACTER", format!("{field} has a NUL character")));
        }
        if length < MIN_PASSWORD {
            let message = format!("{field} takes at least {MIN_PASSWORD} characters");
            return Err(FieldError::new(field, "TOO_SHORT", message));
        }
        if length > MAX_PASSWORD {
            let message = format!("{field} takes at most {MAX_PASSWORD} characters");
            return Err(FieldError::new(field, "TOO_LONG", message));
        }
        Ok(Self(text.into()))
    }

    /// The password's text.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}
