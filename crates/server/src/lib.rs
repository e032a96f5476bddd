//! The Tradepost binary. The only crate that knows all others.
//!
//! | module | holds |
//! |---|---|
//! | [`cli`] | the command line, a file a command |
//! | [`settings`] | every setting, a section a concern |
//! | [`shop`] | the roles wired together in one process |
//! | [`data_folder`] | the folder of a shop on this machine: secrets, lock, `run.json` |
//! | [`postgres`] | the private PostgreSQL of such a shop |

pub mod cli;
pub mod data_folder;
pub mod postgres;
pub mod settings;
pub mod shop;
