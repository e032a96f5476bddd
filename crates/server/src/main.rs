//! Tradepost.
fn main() {}
