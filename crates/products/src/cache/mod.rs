//! What is kept of the catalog, and how it is known to be out of date.
//!
//! | module | holds |
//! |---|---|
//! | [`changes`] | [`Tag`]: what an answer is made from; [`Changes`]: when each last changed |
//! | [`answers`] | [`Answers`]: whole answers in memory; [`Kept`]: a value made from one thing |
//! | [`shared`] | [`Shared`]: the same answers in Redis, where there is one |
//!
//! An entry remembers what it was made from, as [`Tag`]s, and when its loading began, as a [`Stamp`]. A change marks its
//! tags with a later stamp. An entry with a tag marked later than its own stamp is not used. So a change between the
//! reading and the keeping of an answer cannot leave an old answer behind, and nothing has to be searched for and removed.
//!
//! Changes are marked twice: by the operation, after its commit and before its answer, so that whoever made a change sees
//! it; and by its event, in every process. With Redis the operation tells all instances before it answers.

pub mod answers;
pub mod changes;
pub mod shared;

pub use answers::{Answer, Answers, Kept};
pub use changes::{Changes, Sources, Stamp, Tag};
pub use shared::Shared;
