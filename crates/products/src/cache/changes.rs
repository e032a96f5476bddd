//! When each thing that answers are made from last changed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

/// How many marks there are. Tags share them; sharing one only costs a load too many.
const MARKS: u32 = 16_384;

/// What an answer was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// A product with its variants, prices and pictures.
    Product(Uuid),
    /// How much of a product there is.
    Stock(Uuid),
    /// Which products there are, and their order.
    Listing,
    /// Which products can be sold; it gains one when a level comes above zero.
    Sellable,
    /// Which products are sold out; it gains one when a level comes to zero.
    SoldOut,
    /// The categories.
    Categories,
}

impl Tag {
    /// Its mark: a number below [`MARKS`], the same in every process.
    pub fn mark(self) -> u32 {
        let (kind, id) = match self {
            Self::Product(id) => (1, id),
            Self::Stock(id) => (2, id),
            Self::Listing => (3, Uuid::nil()),
            Self::Sellable => (4, Uuid::nil()),
            Self::SoldOut => (5, Uuid::nil()),
            Self::Categories => (6, Uuid::nil()),
        };
        let hash = crypto::sha256(&[&[kind], id.as_bytes().as_slice()].concat());
        u32::from_be_bytes(*hash.first_chunk().unwrap_or(&[0; 4])) % MARKS
    }
}

/// A point in the order of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(u64);

/// When each tag last changed, as far as this process knows.
pub struct Changes {
    count: AtomicU64,
    marks: Box<[AtomicU64]>,
    /// When all of them did.
    all: AtomicU64,
}

impl Default for Changes {
    fn default() -> Self {
        Self {
            count: AtomicU64::new(0),
            marks: (0..MARKS).map(|_| AtomicU64::new(0)).collect(),
            all: AtomicU64::new(0),
        }
    }
}

impl Changes {
    /// Now. Take it before reading what is to be kept.
    pub fn now(&self) -> Stamp {
        Stamp(self.count.load(Ordering::SeqCst))
    }

    /// Marks what changed. Call it when the change is committed.
    pub fn mark(&self, marks: &[u32]) {
        for at in marks.iter().filter_map(|mark| self.marks.get(*mark as usize)) {
            let stamp = self.count.fetch_add(1, Ordering::SeqCst) + 1;
            at.fetch_max(stamp, Ordering::SeqCst);
        }
    }

    /// Marks everything: it is not known what changed.
    pub fn mark_all(&self) {
        let stamp = self.count.fetch_add(1, Ordering::SeqCst) + 1;
        self.all.fetch_max(stamp, Ordering::SeqCst);
    }

    /// Whether nothing of `marks` has changed since `stamp`.
    pub(super) fn unchanged(&self, marks: &[u32], stamp: Stamp) -> bool {
        let is_before = |at: &AtomicU64| at.load(Ordering::SeqCst) <= stamp.0;
        is_before(&self.all) && marks.iter().all(|mark| self.marks.get(*mark as usize).is_some_and(is_before))
    }
}

/// Gathers what an answer is made from while it is made.
#[derive(Default)]
pub struct Sources(Mutex<Vec<u32>>);

impl Sources {
    /// The answer depends on these.
    pub fn note(&self, tags: impl IntoIterator<Item = Tag>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(tags.into_iter().map(Tag::mark));
    }

    /// The marks of all that was noted.
    pub fn marks(&self) -> Box<[u32]> {
        let mut marks = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        marks.sort_unstable();
        marks.dedup();
        marks.into()
    }
}
