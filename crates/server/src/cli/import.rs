//! `tradepost import`.
