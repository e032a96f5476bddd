//! A person's own data key, which seals the fields that tell who they are.

use std::fmt;

use uuid::Uuid;

use crate::error::CryptoError;
use crate::seal::{Binding, Cipher, KEY_LEN};

const VERSION: u8 = 1;

/// The place of a sealed value. A value moved to another row or column does not open there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// The row's id.
    pub row: Uuid,
}

/// A person's data key, in use. Made and opened by [`Keyring`](crate::Keyring).
pub struct PersonKey(Cipher);

/// A person's data key as it is stored: sealed under a key-encryption key, for this person only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKey {
    /// Which key-encryption key.
    pub kek_id: String,
    /// The sealed key.
    pub bytes: Vec<u8>,
}

impl PersonKey {
    pub(crate) fn new(key: &[u8; KEY_LEN]) -> Self {
        Self(Cipher::new(key))
    }

    /// Seals a value for `cell`. Sealing twice gives two different texts: search by a blind index.
    pub fn seal(&self, cell: Cell, plaintext: &[u8]) -> Vec<u8> {
        self.0.seal(vec![VERSION], &binding(cell), plaintext)
    }

    /// Opens a value that was sealed for this person and `cell`.
    pub fn open(&self, cell: Cell, sealed: &[u8]) -> Result<Vec<u8>, CryptoError> {
        match sealed.split_first() {
            Some((&VERSION, body)) => self.0.open(body, &binding(cell)),
            _ => Err(CryptoError::UnknownFormat),
        }
    }
}

impl fmt::Debug for PersonKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonKey([redacted])")
    }
}

fn binding(cell: Cell) -> Binding {
    Binding::new(&[&[VERSION], b"cell", cell.table.as_bytes(), cell.column.as_bytes(), cell.row.as_bytes()])
}
