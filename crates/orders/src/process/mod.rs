//! Work of several steps over several systems. Each step may be done again; what was done is written down before the next
//! one begins, so that any instance can go on after a crash.
//!
//! | module | holds |
//! |---|---|
//! | [`checkout`] | from a cart to a placed order, or back |
//! | [`settle`] | captures, refunds and cancellations |
//! | [`watch`] | payments that customers promise at the provider itself: completed, or given back |
//! | `mend` | an order's payment against the provider's books |
//! | `failpoint` | where a test ends the process |

pub mod checkout;
mod failpoint;
mod mend;
pub mod settle;
pub mod watch;
