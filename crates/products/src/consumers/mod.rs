//! What the role does with events: its own tell every process which kept answers are out of date.

mod invalidate_cache;

pub(crate) use invalidate_cache::marks_of;
pub use invalidate_cache::subscribe;
