//! What a shop must hold, from the outside.

mod concurrency;
mod logins;
mod privacy;
mod purchase;
mod route_table;
