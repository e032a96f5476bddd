//! What a shop for development starts with: a staff member and a customer to sign in as.

use std::time::Duration;

use kernel::{Context, Failure};
use users::domain::email::Email;
use users::domain::password::Password;
use users::ops::{AdminOutcome, CreateAdmin, Register};
use users::{Error, Users};

use crate::data_folder::Login;

/// Time that making a login may take.
const BUDGET: Duration = Duration::from_secs(30);

/// Makes both logins, unless they are there.
pub async fn make_logins(users: &Users, admin: &Login, customer: &Login) -> Result<(), Failure> {
    make_admin(users, &admin.email, &admin.password, false).await?;
    let context = Context::system("up", BUDGET);
    match users::ops::register(users, &context, account(&customer.email, &customer.password, "Customer")?).await {
        Ok(_) | Err(Error::EmailTaken) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Makes a staff member with every scope.
pub async fn make_admin(users: &Users, email: &str, password: &str, promote: bool) -> Result<AdminOutcome, Failure> {
    let command = CreateAdmin { account: account(email, password, "Admin")?, promote };
    let (_, outcome) = users::ops::create_admin(users, command).await?;
    Ok(outcome)
}

fn account(email: &str, password: &str, first_name: &str) -> Result<Register, Failure> {
    let invalid = |error| Failure::invalid(vec![error]);
    Ok(Register {
        email: Email::parse("email", email).map_err(invalid)?,
        password: Password::parse("password", password).map_err(invalid)?,
        first_name: first_name.to_owned(),
        last_name: "Tradepost".to_owned(),
        phone: None,
    })
}
