//! The Tradepost binary. The only crate that knows all others.
//!
//! | module | holds |
//! |---|---|
//! | [`cli`] | the command line, a file a command |
//! | [`settings`] | every setting, a section a concern |
//! | [`shop`] | the roles of a process, all or some, wired together |
//! | [`split`] | a shop on this machine with its roles apart: its processes and servers |
//! | [`catalog`], [`development`] | what a shop on this machine starts with: sample catalog, logins |
//! | [`data_folder`] | the folder of a shop on this machine: secrets, lock, `run.json`; its servers are of the crate `servers` |
//! | [`doctor`] | whether the books are right |

pub mod catalog;
pub mod cli;
pub mod data_folder;
pub mod development;
pub mod doctor;
pub mod settings;
pub mod shop;
pub mod split;
