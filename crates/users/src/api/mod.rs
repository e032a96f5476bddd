//! The public surface, one file an operation.

pub mod create_address;
pub mod delete_address;
pub mod delete_me;
mod fields;
pub mod get_jwks;
pub mod get_me;
pub mod get_user;
pub mod list_addresses;
pub mod list_users;
pub mod login;
pub mod logout;
pub mod refresh;
pub mod register;
pub mod suspend_user;
pub mod update_address;
pub mod update_me;
pub mod view;

use std::sync::Arc;

use kernel::Scope;
use runtime::http::{Policy, Rate, Role, Routes, routes};
use serde::{Deserialize, Deserializer};

use crate::Users;

/// The role's operations.
pub fn routes() -> Routes<Arc<Users>> {
    let credentials = || Policy::public().rate(Rate::Credentials);
    Routes::new(Role::Users)
        .add(routes!(register::register), credentials())
        .add(routes!(login::login), credentials())
        .add(routes!(refresh::refresh), credentials())
        .add(routes!(logout::logout), Policy::public())
        .add(routes!(get_me::get_me), Policy::customer())
        .add(routes!(update_me::update_me), Policy::customer())
        .add(routes!(delete_me::delete_me), Policy::customer())
        .add(routes!(list_addresses::list_addresses), Policy::customer())
        .add(routes!(create_address::create_address), Policy::customer())
        .add(routes!(update_address::update_address), Policy::customer())
        .add(routes!(delete_address::delete_address), Policy::customer())
        .add(routes!(get_user::get_user), Policy::customer())
        .add(routes!(list_users::list_users), Policy::scope(Scope::ReadUsers))
        .add(routes!(suspend_user::suspend_user), Policy::scope(Scope::WriteUsers))
        .add(routes!(get_jwks::get_jwks), Policy::public())
}

/// A field of a change that is there, whatever its value: `null` is a value for those that can be taken away, and refused
/// for the others. Together with `default` it tells `null` from a field that is not there.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
