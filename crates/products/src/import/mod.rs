//! Reading catalogs: from bytes to checked products, whatever the format. Pure but for the reader it is given.
//!
//! | module | holds |
//! |---|---|
//! | [`format`] | which formats there are, and how one is told from another |
//! | [`reader`] | [`Reader`]: one product after another, each checked or with what is wrong; bounded memory |
//! | [`jsonl`], [`rows`], [`own_csv`], [`shopify`] | the formats |
//! | [`batches`] | reads ahead of the writing, in a thread of its own |
//! | [`draft`] | [`Draft`]: what an input says of a product, and its rules |
//! | [`html`] | descriptions that come as HTML, as text |
//! | [`snapshot`], [`plan`] | what the catalog holds now, and what has to change so that it holds a batch of drafts |

pub mod batches;
pub mod draft;
pub mod format;
pub mod html;
pub mod jsonl;
pub mod own_csv;
pub mod plan;
pub mod reader;
pub mod rows;
pub mod shopify;
pub mod snapshot;

pub use draft::Draft;
pub use format::Format;
pub use reader::{Item, Reader};

use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

/// A row that was not imported, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Its line in the file, from 1.
    pub line: u64,
    /// The column's name, or the path of the field in JSON; empty when it is the row as a whole.
    pub column: String,
    /// Stable code, SCREAMING_SNAKE_CASE.
    pub code: Cow<'static, str>,
    /// A sentence for the person who wrote the file.
    pub reason: String,
    /// The row as it was.
    pub raw: Arc<str>,
}

/// A product as a format reads it.
#[derive(Debug)]
pub struct Parsed {
    /// Its handle, as far as it can be told.
    pub handle: String,
    /// The product, or every reason why its rows are refused.
    pub outcome: Result<Draft, Vec<Reject>>,
}

/// Numbers that stand for texts that were seen.
#[derive(Debug, Default)]
pub struct Seen(HashSet<u64>);

impl Seen {
    /// Notes a text. Says whether it is new.
    pub fn note(&mut self, text: &str) -> bool {
        self.0.insert(fingerprint(text))
    }

    /// Whether the text was noted.
    pub fn has(&self, text: &str) -> bool {
        self.0.contains(&fingerprint(text))
    }
}

/// A number for a text, to remember many texts by. Two of a million share one with a chance of one to thirty million.
fn fingerprint(text: &str) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(text)
}
