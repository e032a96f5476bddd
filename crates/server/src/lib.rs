//! The Tradepost binary.

pub mod postgres;
