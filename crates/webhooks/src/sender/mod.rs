//! Sends what is due.
//!
//! | module | holds |
//! |---|---|
//! | [`client`] | one attempt: a signed request, within bounds of time and size |
//! | [`resolver`] | looks names up and leaves out addresses that may not be called |
//! | [`dispatcher`] | takes deliveries that are due and sends them, so many at once |

pub mod client;
pub mod dispatcher;
pub mod resolver;
