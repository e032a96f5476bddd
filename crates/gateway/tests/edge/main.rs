//! The edge in front of a small role, through its router.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod document;
mod fixture;
mod headers;
mod limits;
mod pages;
mod refusals;
