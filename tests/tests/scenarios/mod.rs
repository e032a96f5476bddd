//! What a shop must hold, however its roles are spread.

mod concurrency;
mod doctor;
mod logins;
mod privacy;
mod purchase;
mod route_table;
mod stream;
mod webhooks;
