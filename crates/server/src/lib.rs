//! The Tradepost binary.
