//! Accounts.

use chrono::{DateTime, Utc};
use crypto::{Cell, Keyring, PersonKey, WrappedKey};
use kernel::PageRequest;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{data_keys, open_text, unreadable};
use crate::domain::email::Email;
use crate::domain::role::Role;
use crate::domain::user::{Status, User};

/// The constraint that an address belongs to one live account.
pub const EMAIL_UNIQUE: &str = "idx_users_email";

/// Where a page of the list goes on: creation and id of the last account seen.
pub type ListKey = (DateTime<Utc>, Uuid);

/// What a sign-in needs.
pub struct Credentials {
    /// The account.
    pub user_id: Uuid,
    /// bcrypt.
    pub password_hash: String,
    /// What it may do.
    pub role: Role,
    /// Whether it may sign in.
    pub status: Status,
}

struct Row {
    id: Uuid,
    email: Vec<u8>,
    first_name: Vec<u8>,
    last_name: Vec<u8>,
    phone: Option<Vec<u8>>,
    role: String,
    status: String,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    kek_id: String,
    wrapped: Vec<u8>,
}

impl Row {
    fn open(self, keyring: &Keyring) -> Result<User, sqlx::Error> {
        let wrapped = WrappedKey { kek_id: self.kek_id, bytes: self.wrapped };
        let key = keyring.open_person_key(self.id, &wrapped).map_err(unreadable)?;
        let text = |column, sealed: &[u8]| open_text(&key, cell(self.id, column), sealed);
        Ok(User {
            id: self.id,
            email: Email::stored(text("email", &self.email)?),
            first_name: text("first_name", &self.first_name)?,
            last_name: text("last_name", &self.last_name)?,
            phone: self.phone.map(|sealed| text("phone", &sealed)).transpose()?,
            role: self.role.parse().map_err(unreadable)?,
            status: self.status.parse().map_err(unreadable)?,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

struct CredentialsRow {
    id: Uuid,
    password_hash: String,
    role: String,
    status: String,
}

impl CredentialsRow {
    fn parse(self) -> Result<Credentials, sqlx::Error> {
        Ok(Credentials {
            user_id: self.id,
            password_hash: self.password_hash,
            role: self.role.parse().map_err(unreadable)?,
            status: self.status.parse().map_err(unreadable)?,
        })
    }
}

fn cell(user: Uuid, column: &'static str) -> Cell {
    Cell { table: "users", column, row: user }
}

/// The mark by which an account is found.
pub fn email_index(keyring: &Keyring, email: &Email) -> Vec<u8> {
    keyring.blind_index("users.email", email.as_str())
}

/// Stores a new account with its data key. Violates [`EMAIL_UNIQUE`] when the address is taken.
pub async fn insert(
    conn: &mut PgConnection,
    keyring: &Keyring,
    user: &User,
    password_hash: &str,
) -> Result<(), sqlx::Error> {
    let (key, wrapped) = keyring.new_person_key(user.id);
    let seal = |column, text: &str| key.seal(cell(user.id, column), text.as_bytes());
    sqlx::query!(
        "INSERT INTO users (id, email, email_index, password_hash, first_name, last_name, phone, role, status, version,
                            created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        user.id,
        seal("email", user.email.as_str()),
        email_index(keyring, &user.email),
        password_hash,
        seal("first_name", &user.first_name),
        seal("last_name", &user.last_name),
        user.phone.as_deref().map(|phone| seal("phone", phone)),
        user.role.as_str(),
        user.status.as_str(),
        user.version,
        user.created_at,
        user.updated_at
    )
    .execute(&mut *conn)
    .await?;
    data_keys::insert(conn, user.id, &wrapped, user.created_at).await
}

/// A live account.
pub async fn find(conn: &mut PgConnection, keyring: &Keyring, id: Uuid) -> Result<Option<User>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT u.id, u.email AS "email!", u.first_name AS "first_name!", u.last_name AS "last_name!", u.phone, u.role,
                  u.status, u.version, u.created_at, u.updated_at, k.kek_id, k.wrapped
           FROM users u JOIN data_keys k ON k.subject_id = u.id
           WHERE u.id = $1 AND u.deleted_at IS NULL"#,
        id
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| row.open(keyring)).transpose()
}

/// Locks a live account until the transaction ends; gives its id.
pub async fn lock_id(conn: &mut PgConnection, id: Uuid) -> Result<Option<Uuid>, sqlx::Error> {
    sqlx::query_scalar!("SELECT id FROM users WHERE id = $1 AND deleted_at IS NULL FOR UPDATE", id)
        .fetch_optional(conn)
        .await
}

/// A live account, locked until the transaction ends.
pub async fn lock(conn: &mut PgConnection, keyring: &Keyring, id: Uuid) -> Result<Option<User>, sqlx::Error> {
    match lock_id(conn, id).await? {
        Some(id) => find(conn, keyring, id).await,
        None => Ok(None),
    }
}

/// The id of the live account with an address.
pub async fn find_id_by_email(
    conn: &mut PgConnection,
    keyring: &Keyring,
    email: &Email,
) -> Result<Option<Uuid>, sqlx::Error> {
    let index = email_index(keyring, email);
    sqlx::query_scalar!("SELECT id FROM users WHERE email_index = $1 AND deleted_at IS NULL", index)
        .fetch_optional(conn)
        .await
}

/// What a sign-in with an address needs.
pub async fn credentials(
    conn: &mut PgConnection,
    keyring: &Keyring,
    email: &Email,
) -> Result<Option<Credentials>, sqlx::Error> {
    let index = email_index(keyring, email);
    let row = sqlx::query_as!(
        CredentialsRow,
        r#"SELECT id, password_hash AS "password_hash!", role, status
           FROM users WHERE email_index = $1 AND deleted_at IS NULL"#,
        index
    )
    .fetch_optional(conn)
    .await?;
    row.map(CredentialsRow::parse).transpose()
}

/// The same of an account by its id.
pub async fn credentials_by_id(conn: &mut PgConnection, id: Uuid) -> Result<Option<Credentials>, sqlx::Error> {
    let row = sqlx::query_as!(
        CredentialsRow,
        r#"SELECT id, password_hash AS "password_hash!", role, status
           FROM users WHERE id = $1 AND deleted_at IS NULL"#,
        id
    )
    .fetch_optional(conn)
    .await?;
    row.map(CredentialsRow::parse).transpose()
}

/// The same of an account by its id; they do not change until the transaction ends.
pub async fn share_credentials(conn: &mut PgConnection, id: Uuid) -> Result<Option<Credentials>, sqlx::Error> {
    let row = sqlx::query_as!(
        CredentialsRow,
        r#"SELECT id, password_hash AS "password_hash!", role, status
           FROM users WHERE id = $1 AND deleted_at IS NULL FOR SHARE"#,
        id
    )
    .fetch_optional(conn)
    .await?;
    row.map(CredentialsRow::parse).transpose()
}

/// The password's hash of a live account.
pub async fn password_hash(conn: &mut PgConnection, id: Uuid) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT password_hash AS "password_hash!" FROM users WHERE id = $1 AND deleted_at IS NULL"#,
        id
    )
    .fetch_optional(conn)
    .await
}

/// Live accounts, the newest first.
pub async fn list(
    conn: &mut PgConnection,
    keyring: &Keyring,
    page: &PageRequest<ListKey>,
) -> Result<Vec<User>, sqlx::Error> {
    let (after_time, after_id) = page.after.unzip();
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT u.id, u.email AS "email!", u.first_name AS "first_name!", u.last_name AS "last_name!", u.phone, u.role,
                  u.status, u.version, u.created_at, u.updated_at, k.kek_id, k.wrapped
           FROM users u JOIN data_keys k ON k.subject_id = u.id
           WHERE u.deleted_at IS NULL
             AND (u.created_at, u.id) < (coalesce($1, 'infinity'::timestamptz),
                                         coalesce($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
           ORDER BY u.created_at DESC, u.id DESC LIMIT $3"#,
        after_time,
        after_id,
        page.fetch()
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(|row| row.open(keyring)).collect()
}

/// Stores an account's address and profile as they are in `user`, with its version. Violates [`EMAIL_UNIQUE`] when the
/// address is taken.
pub async fn update(
    conn: &mut PgConnection,
    keyring: &Keyring,
    key: &PersonKey,
    user: &User,
) -> Result<(), sqlx::Error> {
    let seal = |column, text: &str| key.seal(cell(user.id, column), text.as_bytes());
    sqlx::query!(
        "UPDATE users SET email = $2, email_index = $3, first_name = $4, last_name = $5, phone = $6, version = $7,
                          updated_at = $8
         WHERE id = $1",
        user.id,
        seal("email", user.email.as_str()),
        email_index(keyring, &user.email),
        seal("first_name", &user.first_name),
        seal("last_name", &user.last_name),
        user.phone.as_deref().map(|phone| seal("phone", phone)),
        user.version,
        user.updated_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Stores an account's role and status as they are in `user`, with its version.
pub async fn update_standing(conn: &mut PgConnection, user: &User) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE users SET role = $2, status = $3, version = $4, updated_at = $5 WHERE id = $1",
        user.id,
        user.role.as_str(),
        user.status.as_str(),
        user.version,
        user.updated_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Stores a new password.
pub async fn set_password(conn: &mut PgConnection, id: Uuid, hash: &str) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE users SET password_hash = $2 WHERE id = $1", id, hash).execute(conn).await?;
    Ok(())
}

/// Empties an account and destroys its data key.
pub async fn erase(conn: &mut PgConnection, id: Uuid, version: i64, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE users SET email = NULL, email_index = NULL, password_hash = NULL, first_name = NULL, last_name = NULL,
                          phone = NULL, version = $2, updated_at = $3, deleted_at = $3
         WHERE id = $1",
        id,
        version,
        now
    )
    .execute(&mut *conn)
    .await?;
    data_keys::destroy(conn, id).await
}
