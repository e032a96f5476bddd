//! Makes a role's database and its three logins: the owner migrates, the runtime works, the reader only reads.

use kernel::Secret;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};

/// Two starts at once take turns. Any number serves, as long as it is this one everywhere.
const BOOTSTRAP_LOCK: i64 = 0x7472_6164_6570_6f73;

/// The names of a role's database and logins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The database.
    pub database: String,
    /// The login that owns it and migrates.
    pub owner: String,
    /// The login that the role runs as.
    pub app: String,
    /// The login that may only read.
    pub read: String,
}

impl Names {
    /// `tradepost_users`, `tradepost_users_owner` and so on, for `prefix` `tradepost` and `role` `users`.
    pub fn new(prefix: &str, role: &str) -> Self {
        let database = format!("{prefix}_{role}");
        Self {
            owner: format!("{database}_owner"),
            app: format!("{database}_app"),
            read: format!("{database}_read"),
            database,
        }
    }
}

/// The logins' passwords.
#[derive(Clone, Debug)]
pub struct Passwords {
    /// Of the login that migrates.
    pub owner: Secret,
    /// Of the login that the role runs as.
    pub app: Secret,
    /// Of the login that may only read.
    pub read: Secret,
}

/// Where each login connects.
#[derive(Clone, Debug)]
pub struct Urls {
    /// For migrations.
    pub owner: Secret,
    /// For the role itself.
    pub app: Secret,
    /// For reading only.
    pub read: Secret,
}

/// Makes what is missing, sets the passwords, and shuts everyone else out of the database. Safe to repeat, and for two at
/// once. `superuser` is the URL of a login that may create databases and roles.
pub async fn ensure(superuser: &Secret, names: &Names, passwords: &Passwords) -> Result<Urls, sqlx::Error> {
    let server: PgConnectOptions = superuser.expose().parse()?;
    // Statements with passwords in them must not reach the log.
    let mut conn = server.disable_statement_logging().connect().await?;
    sqlx::query("SELECT pg_advisory_lock($1)").bind(BOOTSTRAP_LOCK).execute(&mut conn).await?;
    let logins = [(&names.owner, &passwords.owner), (&names.app, &passwords.app), (&names.read, &passwords.read)];
    for (login, password) in logins {
        ensure_login(&mut conn, login, password).await?;
    }
    ensure_database(&mut conn, names).await?;
    // The lock belongs to the session.
    conn.close().await?;
    urls(superuser, names, passwords)
}

/// Where the logins connect, on the server of `superuser`.
pub fn urls(superuser: &Secret, names: &Names, passwords: &Passwords) -> Result<Urls, sqlx::Error> {
    let server: PgConnectOptions = superuser.expose().parse()?;
    let url = |login: &str, password: &Secret| {
        let options = server.clone().username(login).password(password.expose()).database(&names.database);
        Secret::from(options.to_url_lossy().to_string())
    };
    Ok(Urls {
        owner: url(&names.owner, &passwords.owner),
        app: url(&names.app, &passwords.app),
        read: url(&names.read, &passwords.read),
    })
}

async fn ensure_login(conn: &mut PgConnection, login: &str, password: &Secret) -> Result<(), sqlx::Error> {
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)")
        .bind(login)
        .fetch_one(&mut *conn)
        .await?;
    let name = quote_identifier(login);
    if !exists {
        execute(conn, format!("CREATE ROLE {name}")).await?;
    }
    let password = quote_literal(password.expose());
    execute(
        conn,
        format!("ALTER ROLE {name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD {password}"),
    )
    .await
}

async fn ensure_database(conn: &mut PgConnection, names: &Names) -> Result<(), sqlx::Error> {
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(&names.database)
        .fetch_one(&mut *conn)
        .await?;
    let database = quote_identifier(&names.database);
    if !exists {
        execute(conn, format!("CREATE DATABASE {database} OWNER {}", quote_identifier(&names.owner))).await?;
    }
    close_to_others(conn, names).await
}

/// Lets nobody but its own logins connect to a role's database. A copy of a database doesn't inherit this.
pub async fn close_to_others(conn: &mut PgConnection, names: &Names) -> Result<(), sqlx::Error> {
    let database = quote_identifier(&names.database);
    execute(conn, format!("REVOKE ALL ON DATABASE {database} FROM PUBLIC")).await?;
    let (app, read) = (quote_identifier(&names.app), quote_identifier(&names.read));
    execute(conn, format!("GRANT CONNECT ON DATABASE {database} TO {app}, {read}")).await
}

async fn execute(conn: &mut PgConnection, statement: String) -> Result<(), sqlx::Error> {
    sqlx::query(AssertSqlSafe(statement)).execute(conn).await.map(drop)
}

/// A name as SQL takes it.
pub fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL takes it.
fn quote_literal(text: &str) -> String {
    // The E form reads the same whatever `standard_conforming_strings` says.
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}
