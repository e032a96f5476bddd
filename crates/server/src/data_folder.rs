//! The data folder of a shop on this machine: its PostgreSQL, its secrets, its lock, and `run.json` while it runs.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use crypto::{KeyringConfig, TokenSigner};
use kernel::Secret;
use runtime::config::Sources;
use serde::{Deserialize, Serialize};

use crate::settings::Settings;

/// The folder when `--data` isn't given.
pub const DEFAULT: &str = ".tradepost";
/// The roles that have a database.
pub const DATABASE_ROLES: [&str; 4] = ["users", "products", "orders", "webhooks"];

/// A shop's data folder.
#[derive(Clone, Debug)]
pub struct DataFolder {
    path: PathBuf,
}

/// Held by the process that runs the shop of a folder, until it ends in whatever way.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held for its lock")] File);

/// Secrets of an installation, made once. All are needed to read its data again: back them up with it.
#[derive(Serialize, Deserialize)]
pub struct Secrets {
    /// Settings by their environment variable.
    pub settings: BTreeMap<String, String>,
    /// Passwords of the database logins, by login.
    pub database_passwords: BTreeMap<String, String>,
    /// Development logins by email.
    pub logins: BTreeMap<String, String>,
}

/// What a script needs to know of a running shop.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Run {
    /// Base address of the API.
    pub api: String,
    /// Address of the GraphQL endpoint.
    pub graphql: String,
    /// Address of the metrics page.
    pub metrics: String,
    /// Development login of a staff member with all scopes.
    pub admin: Login,
    /// Development login of a customer.
    pub customer: Login,
    /// Addresses of the databases, by role, as the runtime login.
    pub databases: BTreeMap<String, String>,
    /// Addresses of the databases, by role, as the login that migrates.
    pub owners: BTreeMap<String, String>,
    /// Process ids: `tradepost`, `postgres`; with the roles apart `replica`, `redis`, `rabbitmq` too.
    pub pids: BTreeMap<String, u32>,
    /// The processes of the roles, when those run apart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<RoleProcess>,
    /// Address of Redis, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redis: Option<String>,
    /// Address of RabbitMQ, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rabbitmq: Option<String>,
    /// Port of the databases' replica, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replica_port: Option<u16>,
}

/// An instance of a role as a process of its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RoleProcess {
    /// The role.
    pub role: String,
    /// Which instance of it, from 1.
    pub instance: usize,
    /// Its process id; another after it was started again.
    pub pid: u32,
    /// Where it serves: the API for a gateway, the other roles else.
    pub address: String,
    /// Address of its metrics page; `/ready` is beside it.
    pub metrics: String,
    /// Its log.
    pub log: PathBuf,
}

/// A login for development.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Login {
    /// Email.
    pub email: String,
    /// Password.
    pub password: String,
}

impl DataFolder {
    /// Opens the folder, making it when it isn't there.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(path)
            .with_context(|| format!("the data folder {} cannot be made", path.display()))?;
        Self::existing(path)
    }

    /// Opens a folder that must be there.
    pub fn existing(path: &Path) -> anyhow::Result<Self> {
        let path = path.canonicalize().with_context(|| format!("there is no data folder {}", path.display()))?;
        Ok(Self { path })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The log of a shop that runs detached.
    pub fn log(&self) -> PathBuf {
        self.path.join("tradepost.log")
    }

    /// Takes the folder's lock; none when another process holds it.
    pub fn lock(&self) -> anyhow::Result<Option<Lock>> {
        let path = self.path.join("lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = file.with_context(|| format!("{} cannot be opened", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("{} cannot be locked", path.display()))
            }
        }
    }

    /// The installation's secrets, made at the first call. What a later release added is made then.
    pub fn secrets(&self) -> anyhow::Result<Secrets> {
        let path = self.path.join("secrets.json");
        if !path.exists() {
            let secrets = Secrets::generate();
            self.write_private("secrets.json", &secrets)?;
            return Ok(secrets);
        }
        let text = fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        let mut secrets: Secrets =
            serde_json::from_slice(&text).with_context(|| format!("{} is damaged", path.display()))?;
        if secrets.add_missing() {
            self.write_private("secrets.json", &secrets)?;
        }
        Ok(secrets)
    }

    /// What the running shop said of itself; none when none runs.
    pub fn run(&self) -> anyhow::Result<Option<Run>> {
        match fs::read(self.path.join("run.json")) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text).context("run.json is damaged")?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).context("run.json cannot be read"),
        }
    }

    /// Says what runs.
    pub fn write_run(&self, run: &Run) -> anyhow::Result<()> {
        self.write_private("run.json", run)
    }

    /// Nothing runs any more.
    pub fn remove_run(&self) -> anyhow::Result<()> {
        match fs::remove_file(self.path.join("run.json")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).context("run.json cannot be removed")
            }
            _ => Ok(()),
        }
    }

    /// Whether the first catalog was brought in.
    pub fn has_catalog(&self) -> bool {
        self.path.join("catalog-loaded").exists()
    }

    /// The first catalog is in.
    pub fn keep_catalog(&self) -> anyhow::Result<()> {
        let path = self.path.join("catalog-loaded");
        fs::write(&path, b"").with_context(|| format!("{} cannot be written", path.display()))
    }

    /// The settings of this folder's running shop: a file's, the environment's and flags', over the folder's own secrets
    /// and addresses.
    pub fn settings(&self, file: Option<PathBuf>, flags: Vec<(String, String)>) -> anyhow::Result<Settings> {
        let run = self.run()?.filter(|_| self.lock().is_ok_and(|lock| lock.is_none()));
        let Some(run) = run else {
            bail!("no shop runs in {}: start it with `./dev up --detach`", self.path.display());
        };
        let brokers = [("TRADEPOST__REDIS__URL", run.redis), ("TRADEPOST__RABBITMQ__URL", run.rabbitmq)];
        let brokers = brokers.into_iter().filter_map(|(name, url)| Some((name.to_owned(), url?)));
        self.settings_over(file, flags, &run.databases, &run.owners, brokers.collect())
    }

    /// The settings with databases at the given addresses, by role.
    pub fn settings_with(
        &self,
        file: Option<PathBuf>,
        flags: Vec<(String, String)>,
        databases: &BTreeMap<String, String>,
        owners: &BTreeMap<String, String>,
    ) -> anyhow::Result<Settings> {
        self.settings_over(file, flags, databases, owners, BTreeMap::new())
    }

    fn settings_over(
        &self,
        file: Option<PathBuf>,
        flags: Vec<(String, String)>,
        databases: &BTreeMap<String, String>,
        owners: &BTreeMap<String, String>,
        brokers: BTreeMap<String, String>,
    ) -> anyhow::Result<Settings> {
        let mut sources = Sources::of_process(file, flags)?;
        let addresses = [("URL", databases), ("OWNER_URL", owners)].into_iter().flat_map(|(key, urls)| {
            urls.iter()
                .map(move |(role, url)| (format!("TRADEPOST__DATABASES__{}__{key}", role.to_uppercase()), url.clone()))
        });
        for (variable, value) in self.secrets()?.settings.into_iter().chain(addresses).chain(brokers) {
            sources.environment.entry(variable).or_insert(value);
        }
        Ok(runtime::config::load(&sources)?)
    }

    /// Writes a file that only this user may read, whole or not at all.
    fn write_private(&self, name: &str, content: &impl Serialize) -> anyhow::Result<()> {
        let (path, draft) = (self.path.join(name), self.path.join(format!("{name}.new")));
        let written = (|| {
            let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&draft)?;
            file.write_all(&serde_json::to_vec_pretty(content)?)?;
            file.sync_all()?;
            fs::rename(&draft, &path)
        })();
        written.with_context(|| format!("{} cannot be written", path.display()))
    }
}

impl Secrets {
    fn generate() -> Self {
        let keyring = KeyringConfig::generate();
        let mut settings = BTreeMap::from([
            ("TRADEPOST__TOKENS__ISSUER".to_owned(), "http://localhost".to_owned()),
            ("TRADEPOST__TOKENS__AUDIENCE".to_owned(), "tradepost".to_owned()),
            ("TRADEPOST__KEYRING__ACTIVE".to_owned(), keyring.active.clone()),
            ("TRADEPOST__KEYRING__INDEX_KEY".to_owned(), keyring.index_key.expose().to_owned()),
            ("TRADEPOST__TOKENS__SIGNING_KEY".to_owned(), TokenSigner::generate_pem().expose().to_owned()),
        ]);
        for (id, key) in &keyring.keys {
            settings.insert(format!("TRADEPOST__KEYRING__KEYS__{}", id.to_uppercase()), key.expose().to_owned());
        }
        let people = ["admin@tradepost.example", "customer@tradepost.example"];
        let logins = people.map(|email| (email.to_owned(), crypto::random_token()[..20].to_owned())).into();
        let mut secrets = Self { settings, database_passwords: BTreeMap::new(), logins };
        secrets.add_missing();
        secrets
    }

    /// Makes what a later release added: passwords of database logins, the secret between roles. Tells whether something
    /// was missing.
    fn add_missing(&mut self) -> bool {
        let known = self.database_passwords.len() + self.settings.len();
        let secret = || KeyringConfig::generate().index_key.expose().to_owned();
        self.settings.entry("TRADEPOST__INTERNAL__SECRET".to_owned()).or_insert_with(secret);
        for role in DATABASE_ROLES {
            let names = pg::bootstrap::Names::new("tradepost", role);
            for login in [names.owner, names.app, names.read] {
                self.database_passwords.entry(login).or_insert_with(crypto::random_token);
            }
        }
        self.database_passwords.len() + self.settings.len() > known
    }

    /// The password of a database login.
    pub fn database_password(&self, login: &str) -> anyhow::Result<Secret> {
        let password =
            self.database_passwords.get(login).with_context(|| format!("secrets.json has no password of {login}"))?;
        Ok(Secret::from(password.clone()))
    }

    /// The development login with this name before the `@`.
    pub fn login(&self, name: &str) -> anyhow::Result<Login> {
        let found = self.logins.iter().find(|(email, _)| email.starts_with(&format!("{name}@")));
        let (email, password) = found.with_context(|| format!("secrets.json has no login {name}"))?;
        Ok(Login { email: email.clone(), password: password.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_an_earlier_release_gets_the_passwords_it_lacks_and_keeps_the_others() {
        let home = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(home.path()).unwrap();
        let mut earlier = folder.secrets().unwrap();
        earlier.database_passwords.retain(|login, _| !login.contains("webhooks"));
        let kept = earlier.database_passwords.clone();
        assert_eq!(kept.len(), (DATABASE_ROLES.len() - 1) * 3);
        folder.write_private("secrets.json", &earlier).unwrap();

        let now = folder.secrets().unwrap();
        assert_eq!(now.settings, earlier.settings);
        assert!(kept.iter().all(|(login, password)| now.database_passwords[login] == *password));
        assert_eq!(now.database_passwords.len(), DATABASE_ROLES.len() * 3);
        let again = folder.secrets().unwrap();
        assert_eq!(again.database_passwords, now.database_passwords, "they are made once");
    }
}
