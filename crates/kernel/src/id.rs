//! New identifiers.

use uuid::Uuid;

/// A time-ordered id (UUIDv7) for a row: neighbours in time are neighbours in the index.
pub fn new_id() -> Uuid {
    Uuid::now_v7()
}

/// A random id (UUIDv4, 122 random bits) for an object that whoever knows the id may use, such as a guest's cart.
/// A UUIDv7 would not do: within a millisecond it only counts on.
pub fn new_capability() -> Uuid {
    Uuid::new_v4()
}
