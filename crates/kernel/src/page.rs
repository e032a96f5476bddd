//! Keyset pages: a cursor says after which row to go on, so that pages neither skip nor repeat when rows come and go.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::failure::{ErrorKind, Failure};

/// Rows on a page when the caller does not say.
pub const DEFAULT_LIMIT: u32 = 20;
/// Rows on a page at the most.
pub const MAX_LIMIT: u32 = 100;

/// Which page the caller wants, with the sort key `K` of the last row seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest<K> {
    /// How many rows, 1 to [`MAX_LIMIT`].
    pub limit: u32,
    /// Go on after this key.
    pub after: Option<K>,
}

/// One page of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page starts; none on the last page.
    pub next: Option<Cursor>,
}

/// An opaque position: a sort key with a checksum, so that a cursor that was tampered with is told from a good one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(String);

impl Cursor {
    /// The cursor of a row, from its sort key. `list` names the list and its order: a cursor of one is no cursor of another.
    pub fn encode<K: Serialize>(list: &str, key: &K) -> Self {
        // Keys are tuples of plain values: serialising them cannot fail.
        let mut bytes = serde_json::to_vec(key).unwrap_or_default();
        bytes.extend(checksum(list, &bytes));
        Self(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Reads a cursor that a caller sent. Error: 400 `INVALID_CURSOR`.
    pub fn decode<K: DeserializeOwned>(list: &str, text: &str) -> Result<K, Failure> {
        let invalid = || {
            Failure::new(
                ErrorKind::Malformed,
                "INVALID_CURSOR",
                "The cursor is not one that this list with this order gave out",
            )
        };
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid())?;
        let (key, sum) = bytes.split_last_chunk::<4>().ok_or_else(invalid)?;
        if *sum != checksum(list, key) {
            return Err(invalid());
        }
        serde_json::from_slice(key).map_err(|_| invalid())
    }

    /// The text to send.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        cursor.0
    }
}

fn checksum(list: &str, key: &[u8]) -> [u8; 4] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(list.as_bytes());
    hasher.update(key);
    hasher.finalize().to_be_bytes()
}

impl<K> PageRequest<K>
where
    K: Serialize + DeserializeOwned,
{
    /// Checks what the caller sent. Errors: 422 on `limit`, 400 `INVALID_CURSOR`.
    pub fn parse(list: &str, limit: Option<u32>, cursor: Option<&str>) -> Result<Self, Failure> {
        let limit = limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(Failure::invalid_field("limit", "OUT_OF_RANGE", format!("limit takes 1 to {MAX_LIMIT}")));
        }
        let after = cursor.map(|text| Cursor::decode(list, text)).transpose()?;
        Ok(Self { limit, after })
    }

    /// How many rows to ask the database for: one more than the page, to learn whether another follows.
    pub fn fetch(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// Cuts the rows that [`Self::fetch`] brought to a page.
    pub fn page<T>(&self, list: &str, mut items: Vec<T>, key: impl Fn(&T) -> K) -> Page<T> {
        let more = items.len() > self.limit as usize;
        items.truncate(self.limit as usize);
        let next = items.last().filter(|_| more).map(|last| Cursor::encode(list, &key(last)));
        Page { items, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_any_change_to_it_is_refused() {
        let cursor = Cursor::encode("orders", &(17, "x".to_owned()));
        assert_eq!(Cursor::decode::<(i32, String)>("orders", cursor.as_str()), Ok((17, "x".to_owned())));
        assert!(Cursor::decode::<(i32, String)>("users", cursor.as_str()).is_err());
        for at in 0..cursor.as_str().len() {
            let mut text: Vec<char> = cursor.as_str().chars().collect();
            text[at] = if text[at] == 'A' { 'B' } else { 'A' };
            let changed: String = text.into_iter().collect();
            assert!(Cursor::decode::<(i32, String)>("orders", &changed).is_err(), "{changed}");
        }
    }

    #[test]
    fn the_last_page_has_no_next() {
        let request = PageRequest::<i32> { limit: 2, after: None };
        assert!(request.page("x", vec![1, 2, 3], |n| *n).next.is_some());
        assert!(request.page("x", vec![1, 2], |n| *n).next.is_none());
    }
}
