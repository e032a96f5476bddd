//! What can go wrong in this role.

use kernel::{ErrorKind, Failure};
use thiserror::Error;

/// What went wrong.
#[derive(Debug, Error)]
pub enum Error {
    /// Another account has the address.
    #[error("An account with this email exists")]
    EmailTaken,
    /// No account with this address and password.
    #[error("Email or password is wrong")]
    InvalidCredentials,
    /// A change that needs the password came with a wrong one or none.
    #[error("current_password is missing or wrong")]
    WrongPassword,
    /// Too many sign-ins of one account; try after so many seconds.
    #[error("Too many attempts for this account; try again later")]
    TooManyAttempts(u64),
    /// More passwords wait to be checked than may.
    #[error("Too many sign-ins at once; try again")]
    Overloaded,
    /// Staff closed the account.
    #[error("The account is suspended")]
    UserSuspended,
    /// No such account, or not for this caller.
    #[error("User not found")]
    UserNotFound,
    /// Whoever suspends their own account locks themselves out.
    #[error("You cannot suspend your own account")]
    CannotSuspendSelf,
    /// No such address in this user's book.
    #[error("Address not found")]
    AddressNotFound,
    /// The address book is full.
    #[error("An account keeps at most 50 addresses")]
    TooManyAddresses,
    /// Unknown, expired, or of a session that has ended.
    #[error("The refresh token is not valid; sign in again")]
    InvalidRefreshToken,
    /// Used before: the session has ended.
    #[error("The refresh token was used before; the session has ended, sign in again")]
    RefreshTokenReused,
    /// The library that hashes passwords failed.
    #[error("hashing a password failed: {0}")]
    Hashing(String),
    /// A failure of the ground: validation, version, idempotency.
    #[error(transparent)]
    Failure(#[from] Failure),
    /// The database.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl Error {
    /// The class of the failure.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::EmailTaken | Error::CannotSuspendSelf | Error::TooManyAddresses => ErrorKind::Conflict,
            Error::InvalidCredentials | Error::InvalidRefreshToken | Error::RefreshTokenReused => {
                ErrorKind::Unauthenticated
            }
            Error::WrongPassword | Error::UserSuspended => ErrorKind::Forbidden,
            Error::TooManyAttempts(_) => ErrorKind::RateLimited,
            Error::Overloaded => ErrorKind::Unavailable,
            Error::UserNotFound | Error::AddressNotFound => ErrorKind::NotFound,
            Error::Failure(failure) => failure.kind,
            Error::Hashing(_) | Error::Database(_) => ErrorKind::Internal,
        }
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Error::EmailTaken => "EMAIL_TAKEN",
            Error::InvalidCredentials => "INVALID_CREDENTIALS",
            Error::WrongPassword => "WRONG_PASSWORD",
            Error::TooManyAttempts(_) => "RATE_LIMITED",
            Error::Overloaded => "SERVICE_UNAVAILABLE",
            Error::UserSuspended => "USER_SUSPENDED",
            Error::UserNotFound => "USER_NOT_FOUND",
            Error::CannotSuspendSelf => "CANNOT_SUSPEND_SELF",
            Error::AddressNotFound => "ADDRESS_NOT_FOUND",
            Error::TooManyAddresses => "TOO_MANY_ADDRESSES",
            Error::InvalidRefreshToken => "INVALID_REFRESH_TOKEN",
            Error::RefreshTokenReused => "REFRESH_TOKEN_REUSED",
            // These carry their own code; see the conversion below.
            Error::Failure(_) | Error::Hashing(_) | Error::Database(_) => "INTERNAL_ERROR",
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let plain = |error: &Error| Failure::new(error.kind(), error.code(), error.to_string());
        match &error {
            Error::Failure(failure) => failure.clone(),
            Error::Database(cause) => pg::failure(cause),
            Error::Hashing(_) => {
                tracing::error!(%error, "a password could not be hashed or checked");
                Failure::internal()
            }
            Error::TooManyAttempts(seconds) => plain(&error).retry_after(*seconds),
            Error::Overloaded => plain(&error).retry_after(1),
            _ => plain(&error),
        }
    }
}
