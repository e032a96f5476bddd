//! Seals and opens the contact of carts and orders under the data key of the person.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crypto::{Cell, CryptoError, Keyring, PersonKey, WrappedKey};
use uuid::Uuid;

use crate::domain::contact::Contact;
use crate::error::Error;
use crate::store::data_keys::StoredKey;

/// Opens and seals contacts.
#[derive(Clone)]
pub struct Vault(Keyring);

/// A data key in use.
pub struct OpenKey {
    key: PersonKey,
    /// Its form to store, when it was made just now.
    pub new: Option<WrappedKey>,
}

impl Vault {
    /// A vault over this keyring.
    pub fn new(keyring: Keyring) -> Self {
        Self(keyring)
    }

    /// The key of `subject`, made if there is none. Error: the person was erased.
    pub fn key(&self, subject: Uuid, stored: &StoredKey) -> Result<OpenKey, Error> {
        match stored {
            StoredKey::Wrapped(wrapped) => Ok(OpenKey { key: self.0.open_person_key(subject, wrapped)?, new: None }),
            StoredKey::None => {
                let (key, wrapped) = self.0.new_person_key(subject);
                Ok(OpenKey { key, new: Some(wrapped) })
            }
            StoredKey::Destroyed => Err(Error::PersonErased),
        }
    }

    /// The contact of a cart. Empty when the key is gone.
    pub fn open_cart(&self, cart_id: Uuid, subject: Uuid, key: &StoredKey, sealed: &[u8]) -> Result<Contact, Error> {
        self.open(cart_cell(cart_id), subject, key, sealed)
    }

    /// The contact of an order. Empty when the key is gone.
    pub fn open_order(&self, order_id: Uuid, subject: Uuid, key: &StoredKey, sealed: &str) -> Result<Contact, Error> {
        let sealed = STANDARD.decode(sealed).map_err(|_| Error::Stored("a contact that is not base64".into()))?;
        self.open(order_cell(order_id), subject, key, &sealed)
    }

    /// The key-encryption key that data keys are to be under.
    pub fn active_id(&self) -> &str {
        self.0.active_id()
    }

    /// A data key under the active key-encryption key; none if it is already.
    pub fn rewrap(&self, subject: Uuid, key: &WrappedKey) -> Result<Option<WrappedKey>, Error> {
        Ok(self.0.rewrap(subject, key)?)
    }

    fn open(&self, cell: Cell, subject: Uuid, key: &StoredKey, sealed: &[u8]) -> Result<Contact, Error> {
        let StoredKey::Wrapped(wrapped) = key else { return Ok(Contact::default()) };
        let opened = self.0.open_person_key(subject, wrapped)?.open(cell, sealed)?;
        serde_json::from_slice(&opened).map_err(|_| Error::Stored("a contact that is not one".into()))
    }
}

impl OpenKey {
    /// Seals the contact of a cart.
    pub fn seal_cart(&self, cart_id: Uuid, contact: &Contact) -> Result<Vec<u8>, Error> {
        self.seal(cart_cell(cart_id), contact)
    }

    /// Seals the contact of an order, in base64.
    pub fn seal_order(&self, order_id: Uuid, contact: &Contact) -> Result<String, Error> {
        Ok(STANDARD.encode(self.seal(order_cell(order_id), contact)?))
    }

    fn seal(&self, cell: Cell, contact: &Contact) -> Result<Vec<u8>, Error> {
        let plain = serde_json::to_vec(contact).map_err(|_| Error::Crypto(CryptoError::UnknownFormat))?;
        Ok(self.key.seal(cell, &plain))
    }
}

fn cart_cell(row: Uuid) -> Cell {
    Cell { table: "carts", column: "contact", row }
}

fn order_cell(row: Uuid) -> Cell {
    Cell { table: "orders", column: "contact", row }
}
