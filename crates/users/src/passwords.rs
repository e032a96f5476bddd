//! Hashes and checks passwords with bcrypt, few at a time, so that sign-ins cannot starve the rest.
//!
//! bcrypt reads 72 bytes and drops the rest in silence. A password of more than 71 bytes (the last is bcrypt's own NUL)
//! is therefore brought to 44 by a keyed hash first, so that every character of it counts. Shorter ones, that is nearly
//! all, go to bcrypt as they are.

use std::sync::Arc;
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bcrypt::{BcryptResult, non_truncating_hash, non_truncating_verify};
use crypto::Keyring;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::Config;
use crate::domain::password::Password;
use crate::error::Error;

/// The longest password that bcrypt reads whole.
const BCRYPT_BYTES: usize = 71;

/// Hashes and checks passwords.
pub struct Passwords {
    cost: u32,
    keyring: Keyring,
    /// Taken while a password is hashed.
    workers: Arc<Semaphore>,
    /// Taken while a password is hashed or waits.
    places: Arc<Semaphore>,
}

impl Passwords {
    /// As `config` says.
    pub fn new(config: &Config, keyring: Keyring) -> Self {
        let cores = || thread::available_parallelism().map_or(1, usize::from);
        let workers = if config.hash_workers == 0 { cores() } else { config.hash_workers };
        let places = workers.saturating_add(config.hash_queue).min(Semaphore::MAX_PERMITS);
        Self {
            cost: config.bcrypt_cost,
            keyring,
            workers: Arc::new(Semaphore::new(workers)),
            places: Arc::new(Semaphore::new(places)),
        }
    }

    /// The hash of a new password. Error: [`Error::Overloaded`].
    pub async fn hash(&self, password: &Password) -> Result<String, Error> {
        let cost = self.cost;
        self.run(password, move |bytes| non_truncating_hash(bytes, cost)).await
    }

    /// Whether `hash` is of this password. Error: [`Error::Overloaded`].
    pub async fn verify(&self, password: &Password, hash: String) -> Result<bool, Error> {
        self.run(password, move |bytes| non_truncating_verify(bytes, &hash)).await
    }

    /// A hash that no password has. To check against it takes as long as to check against a real one.
    pub fn nobodys_hash(&self) -> String {
        format!("$2b${:02}${}", self.cost, ".".repeat(53))
    }

    async fn run<T, F>(&self, password: &Password, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&[u8]) -> BcryptResult<T> + Send + 'static,
    {
        let permits = self.admit().await?;
        let (password, keyring) = (password.clone(), self.keyring.clone());
        let done = tokio::task::spawn_blocking(move || {
            // The work goes on when the caller has left, so its permits go with it.
            let _permits = permits;
            let text = password.expose();
            if text.len() <= BCRYPT_BYTES {
                return work(text.as_bytes());
            }
            let mark = keyring.blind_index("users.password", text);
            work(STANDARD.encode(mark).as_bytes())
        });
        let hashing = |error: &dyn std::fmt::Display| Error::Hashing(error.to_string());
        done.await.map_err(|error| hashing(&error))?.map_err(|error| hashing(&error))
    }

    async fn admit(&self) -> Result<(OwnedSemaphorePermit, OwnedSemaphorePermit), Error> {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            metrics::counter!("password_checks_refused_total").increment(1);
            return Err(Error::Overloaded);
        };
        // The semaphore is never closed.
        let worker = Arc::clone(&self.workers).acquire_owned().await.map_err(|_| Error::Overloaded)?;
        Ok((place, worker))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crypto::KeyringConfig;

    fn passwords(hash_workers: usize, hash_queue: usize) -> Passwords {
        let keyring = Keyring::new(&KeyringConfig::generate()).unwrap();
        Passwords::new(&Config { bcrypt_cost: 4, hash_workers, hash_queue, ..Config::default() }, keyring)
    }

    fn password(text: &str) -> Password {
        Password::parse("password", text).unwrap()
    }

    #[tokio::test]
    async fn every_character_counts_whatever_the_length() {
        let passwords = passwords(0, 8);
        for length in [8, 70, 71, 72, 73, 128] {
            let right = "ü".repeat(length / 2) + &"x".repeat(length - length / 2);
            let wrong = format!("{}y", &right[..right.len() - 1]);
            let hash = passwords.hash(&password(&right)).await.unwrap();
            assert!(hash.starts_with("$2b$04$"), "{hash}");
            assert!(passwords.verify(&password(&right), hash.clone()).await.unwrap(), "{length}");
            assert!(!passwords.verify(&password(&wrong), hash).await.unwrap(), "{length}");
        }
    }

    #[tokio::test]
    async fn nobodys_hash_is_one_that_bcrypt_works_on() {
        let passwords = passwords(0, 8);
        assert!(!passwords.verify(&password("whatever it is"), passwords.nobodys_hash()).await.unwrap());
    }

    #[tokio::test]
    async fn more_than_may_wait_are_refused() {
        let passwords = passwords(1, 1);
        let running = passwords.admit().await.unwrap();
        let mut waiting = Box::pin(passwords.admit());
        assert!(futures_poll(&mut waiting).is_none(), "the second waits");
        assert!(matches!(passwords.admit().await, Err(Error::Overloaded)), "the third is refused");
        drop(running);
        assert!(waiting.await.is_ok());
    }

    fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::Pin::new(future).poll(&mut context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        }
    }
}
