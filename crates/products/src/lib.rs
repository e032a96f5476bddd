//! The products role.
