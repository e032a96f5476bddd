//! A migrated database for one test, copied from a template that is made once.

use std::hash::{DefaultHasher, Hash, Hasher};

use pg::bootstrap::{self, Names, Passwords, Urls, quote_identifier};
use pg::{DatabaseConfig, Db, Schema};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool};
use uuid::Uuid;

/// Where the tests' server is: a superuser's URL.
const SERVER: &str = "TRADEPOST_TEST_POSTGRES";
/// How long a test waits for a connection: on a busy machine many at once are slow, which is no failure.
const ACQUIRE_TIMEOUT_MS: u64 = 30_000;
/// Makes one template at a time.
const TEMPLATE_LOCK: i64 = 0x7465_6d70_6c61_7465;

/// A database with a role's schema, for one test. Dropped with it.
pub struct TestDb {
    database: String,
    urls: Urls,
    db: Db,
    owner: PgPool,
}

impl TestDb {
    /// A new database with this schema and no rows but those that migrations write.
    pub async fn new(schema: &Schema) -> Self {
        let mut server = connect_to_server().await;
        let template = ensure_template(&mut server, schema).await;
        let database = format!("test_{}_{}", schema.role, Uuid::new_v4().simple());
        let names = names(schema, &database);
        execute(&mut server, format!("CREATE DATABASE {database} TEMPLATE {template} OWNER {}", names.owner)).await;
        bootstrap::close_to_others(&mut server, &names).await.expect("the superuser sets who may connect");
        server.close().await.expect("the server ends the session");
        let urls = urls(&names);
        let db = Db::connect(schema.role, &config(&urls)).await.expect("the runtime login connects to its database");
        let owner = PgPool::connect_lazy(urls.owner.expose()).expect("the owner's URL reads");
        Self { database, urls, db, owner }
    }

    /// The settings that the runtime login's pools have.
    pub fn config(&self) -> DatabaseConfig {
        config(&self.urls)
    }

    /// The pools of the runtime login, which may do what the role may.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// A pool of the owner, who may do everything in this database.
    pub fn owner(&self) -> &PgPool {
        &self.owner
    }

    /// Where each login connects.
    pub fn urls(&self) -> &Urls {
        &self.urls
    }

    /// Ends all sessions of the runtime login, as a restart of the server would.
    pub async fn cut_connections(&self) {
        let mut server = connect_to_server().await;
        sqlx::query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1")
            .bind(&self.database)
            .execute(&mut server)
            .await
            .expect("the superuser ends sessions");
    }
}

impl Drop for TestDb {
    /// Drops the database as well as it can. The tests' server is thrown away in any case.
    fn drop(&mut self) {
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.database);
        // A thread of its own: the test's runtime may be about to end.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let mut server = server_options().connect().await?;
                sqlx::query(AssertSqlSafe(statement)).execute(&mut server).await?;
                server.close().await
            })
        });
        drop(dropping.join());
    }
}

fn config(urls: &Urls) -> DatabaseConfig {
    DatabaseConfig { url: urls.app.clone(), acquire_timeout_ms: ACQUIRE_TIMEOUT_MS, ..DatabaseConfig::default() }
}

fn server_url() -> String {
    std::env::var(SERVER)
        .unwrap_or_else(|_| panic!("{SERVER} is not set: run ./dev test, which starts a server and sets it"))
}

fn server_options() -> PgConnectOptions {
    server_url().parse().unwrap_or_else(|_| panic!("{SERVER} is not a postgres:// URL"))
}

async fn connect_to_server() -> PgConnection {
    server_options().connect().await.unwrap_or_else(|error| panic!("the server of {SERVER} does not answer: {error}"))
}

async fn execute(conn: &mut PgConnection, statement: String) {
    let shown = statement.clone();
    sqlx::query(AssertSqlSafe(statement)).execute(conn).await.unwrap_or_else(|error| panic!("{shown}: {error}"));
}

/// The logins are the same for every database of a role.
fn names(schema: &Schema, database: &str) -> Names {
    Names { database: database.to_owned(), ..Names::new("test", schema.role) }
}

fn passwords() -> Passwords {
    Passwords { owner: "test".into(), app: "test".into(), read: "test".into() }
}

fn urls(names: &Names) -> Urls {
    bootstrap::urls(&server_url().into(), names, &passwords()).expect("the server's URL reads")
}

/// Makes the template, unless it is there. One that nobody can connect to is complete.
async fn ensure_template(server: &mut PgConnection, schema: &Schema) -> String {
    let template = format!("template_{}_{:016x}", schema.role, fingerprint(schema));
    if is_complete(server, &template).await {
        return template;
    }
    execute(server, format!("SELECT pg_advisory_lock({TEMPLATE_LOCK})")).await;
    if !is_complete(server, &template).await {
        // What a run that was killed left behind.
        execute(server, format!("DROP DATABASE IF EXISTS {template} WITH (FORCE)")).await;
        let names = names(schema, &template);
        let urls = bootstrap::ensure(&server_url().into(), &names, &passwords()).await.expect("the template is made");
        let owner = PgPool::connect(urls.owner.expose()).await.expect("the owner connects");
        pg::migrate::up(&owner, schema).await.expect("the migrations run");
        owner.close().await;
        execute(server, format!("ALTER DATABASE {} ALLOW_CONNECTIONS false", quote_identifier(&template))).await;
    }
    execute(server, format!("SELECT pg_advisory_unlock({TEMPLATE_LOCK})")).await;
    template
}

async fn is_complete(server: &mut PgConnection, template: &str) -> bool {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1 AND NOT datallowconn)")
        .bind(template)
        .fetch_one(server)
        .await
        .expect("the server lists its databases")
}

fn fingerprint(schema: &Schema) -> u64 {
    let mut hasher = DefaultHasher::new();
    for migration in (schema.migrations)().iter() {
        (migration.version, &migration.checksum).hash(&mut hasher);
    }
    for grant in schema.grants() {
        (grant.table, grant.runtime).hash(&mut hasher);
    }
    hasher.finish()
}
