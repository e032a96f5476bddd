//! What the role does with events: its own tell every process which kept answers are out of date.

mod invalidate_cache;

pub use invalidate_cache::subscribe;
