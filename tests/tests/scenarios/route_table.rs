//! No route can be forgotten.
