//! PostgreSQL's own programs on the shop's databases: `psql`, `pgbench`, `pg_dump`.

use std::process::Stdio;

use anyhow::{Context, bail};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// A database as one login.
#[derive(Clone)]
pub struct Database {
    login: String,
    password: String,
    port: String,
    name: String,
}

impl Database {
    /// From `postgres://login:password@127.0.0.1:port/name`, as `run.json` has it.
    pub fn from_url(url: &str) -> anyhow::Result<Self> {
        let parts = (|| {
            let (login, rest) = url.strip_prefix("postgres://")?.split_once(':')?;
            let (password, rest) = rest.split_once('@')?;
            let (host, name) = rest.split_once('/')?;
            let port = host.split_once(':')?.1;
            let name = name.split('?').next()?;
            Some([login, password, port, name].map(decoded))
        })();
        let [login, password, port, name] = parts.context("a database address of an unknown form")?;
        Ok(Self { login, password, port, name })
    }

    /// The same server and login, another database.
    pub fn named(&self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self.clone() }
    }

    /// The same database as another login.
    pub fn as_login(&self, login: &str, password: &str) -> Self {
        Self { login: login.to_owned(), password: password.to_owned(), ..self.clone() }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its login.
    pub fn login(&self) -> &str {
        &self.login
    }

    /// A program of PostgreSQL's that finds this database by itself, and ends with us.
    pub fn program(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let Self { login, password, port, name } = self;
        command.env("PGHOST", "127.0.0.1").env("PGPORT", port).env("PGUSER", login).env("PGPASSWORD", password);
        command.env("PGDATABASE", name).env("PGCONNECT_TIMEOUT", "10").kill_on_drop(true);
        command
    }

    /// Runs statements; gives the rows, a line each, columns separated by `|`.
    pub async fn query(&self, sql: &str) -> anyhow::Result<String> {
        let mut psql = self.program("psql");
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-"]);
        let mut child =
            psql.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().context("psql")?;
        let mut stdin = child.stdin.take().context("psql has no input")?;
        stdin.write_all(sql.as_bytes()).await?;
        drop(stdin);
        let output = child.wait_with_output().await?;
        if !output.status.success() {
            bail!("psql: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
    }

    /// One number.
    pub async fn number(&self, sql: &str) -> anyhow::Result<i64> {
        let text = self.query(sql).await?;
        text.parse().with_context(|| format!("`{text}` is no number"))
    }
}

/// Text of an address, with the characters that `%2D` and the like stand for.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut decoded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(code.map_or('%', char::from));
        decoded.push_str(part.get(2..).unwrap_or_default());
    }
    decoded
}
