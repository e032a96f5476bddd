//! Lists accounts for staff, or finds one by its address.

use kernel::{Page, PageRequest};

use crate::Users;
use crate::domain::email::Email;
use crate::domain::user::User;
use crate::error::Error;
use crate::store;
use crate::store::users::ListKey;

/// The list's name in cursors.
const LIST: &str = "users";

/// Which accounts.
pub struct ListUsers {
    /// The account with this address alone.
    pub email: Option<Email>,
    /// Accounts on the page.
    pub limit: Option<u32>,
    /// Where the page begins.
    pub cursor: Option<String>,
}

/// A page of live accounts, the newest first.
pub async fn list_users(users: &Users, query: ListUsers) -> Result<Page<User>, Error> {
    let request = PageRequest::<ListKey>::parse(LIST, query.limit, query.cursor.as_deref())?;
    let mut conn = users.db.primary().acquire().await?;
    let Some(email) = query.email else {
        let rows = store::users::list(&mut conn, &users.keyring, &request).await?;
        return Ok(request.page(LIST, rows, |user| (user.created_at, user.id)));
    };
    let found = match store::users::find_id_by_email(&mut conn, &users.keyring, &email).await? {
        Some(id) => store::users::find(&mut conn, &users.keyring, id).await?,
        None => None,
    };
    Ok(Page { items: found.into_iter().collect(), next: None })
}
