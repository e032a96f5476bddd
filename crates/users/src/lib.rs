//! The users role.
