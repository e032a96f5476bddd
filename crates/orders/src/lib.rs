//! The orders role.
