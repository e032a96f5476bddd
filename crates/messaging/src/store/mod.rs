//! SQL of the ground's tables.

pub(crate) mod dead_letters;
pub(crate) mod events;
pub(crate) mod idempotency_keys;
pub(crate) mod inbox;
pub(crate) mod relay;
