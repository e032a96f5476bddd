//! Stock: how much of a variant lies where, and how that changes.

use uuid::Uuid;

/// Most units of a variant at a location.
pub const MAX_ON_HAND: i64 = 1_000_000_000;
/// Most lines of a reservation.
pub const MAX_LINES: usize = 1000;

/// Where stock lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Whether orders are served from it first.
    pub is_default: bool,
}

/// How much of a variant lies at a location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// Its id.
    pub id: Uuid,
    /// The variant.
    pub variant_id: Uuid,
    /// Where.
    pub location_id: Uuid,
    /// Units there.
    pub on_hand: i64,
    /// Units of those that are promised to orders.
    pub reserved: i64,
    /// Grows by one with each change.
    pub version: i64,
}

/// A level after a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LevelChange {
    /// The level, as it is now.
    pub level: Level,
    /// Its product.
    pub product_id: Uuid,
}

/// Why a level changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MovementKind {
    /// Someone counted.
    Set,
    /// Promised to an order.
    Reserve,
    /// Given back by an order.
    Release,
    /// Handed to an order for good.
    Commit,
    /// Counted by an import.
    Import,
}

impl MovementKind {
    /// The name in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Reserve => "reserve",
            Self::Release => "release",
            Self::Commit => "commit",
            Self::Import => "import",
        }
    }
}
