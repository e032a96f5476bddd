//! The statements that a process of the shop really sends, from PostgreSQL's log. The logins of the roles are told to log
//! while a further process of the shop runs; the shop's own process has its connections already and stays out of it.

use std::fmt::Write;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

use anyhow::{Context, bail};

use crate::database::Database;
use crate::shop::Shop;

/// Begins each entry of the log, so that statements of several lines stay whole: time, process, database.
const PREFIX: &str = "bench|%n|%p|%d|";
const ENTRY: &str = "bench|";
/// The roles whose statements are logged.
pub const ROLES: [&str; 2] = ["products", "orders"];

/// A statement as it was sent.
#[derive(Clone, Debug)]
pub struct Statement {
    /// When, in milliseconds since 1970.
    pub at: f64,
    /// By which connection.
    pub process: u32,
    /// Of which database.
    pub database: String,
    /// Its text with `$1`…
    pub sql: String,
    /// Its parameters as text.
    pub parameters: Vec<Option<String>>,
    /// How long PostgreSQL took, in milliseconds, when that was asked for.
    pub took: Option<f64>,
}

/// What to log.
#[derive(Clone, Copy)]
pub enum What {
    /// Every statement with its parameters.
    Statements,
    /// Every statement with the time that it took.
    Times,
}

/// Logging that is switched on. [`Capture::end`] switches it off.
pub struct Capture {
    superuser: Database,
    logins: Vec<String>,
    log: PathBuf,
    read_to: u64,
}

impl Capture {
    /// Switches it on for connections that are made from now on.
    pub async fn begin(shop: &Shop, what: What) -> anyhow::Result<Self> {
        let superuser = shop.superuser("orders")?;
        let mut logins = Vec::new();
        for role in ROLES {
            logins.push(shop.database(role)?.login().to_owned());
        }
        let what = match what {
            What::Statements => ("log_statement", "all"),
            What::Times => ("log_min_duration_statement", "0"),
        };
        let settings = [what, ("log_parameter_max_length", "-1"), ("log_error_verbosity", "default")];
        let mut sql = format!("ALTER SYSTEM SET log_line_prefix = '{PREFIX}';\nSELECT pg_reload_conf();\n");
        for login in &logins {
            for (name, value) in settings {
                let _ = writeln!(sql, "ALTER ROLE {login} SET {name} = '{value}';");
            }
        }
        superuser.query(&sql).await?;
        let log = shop.postgres_log();
        let read_to = std::fs::metadata(&log).context("PostgreSQL's log")?.len();
        Ok(Self { superuser, logins, log, read_to })
    }

    /// What was logged since the last look.
    pub fn statements(&mut self) -> anyhow::Result<Vec<Statement>> {
        let mut file = File::open(&self.log)?;
        file.seek(SeekFrom::Start(self.read_to))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        self.read_to += u64::try_from(bytes.len())?;
        read_log(&String::from_utf8_lossy(&bytes))
    }

    /// Switches it off.
    pub async fn end(self) -> anyhow::Result<()> {
        let resets = self.logins.iter().map(|login| format!("ALTER ROLE {login} RESET ALL;\n"));
        let sql: String = resets.collect();
        let sql = format!("{sql}ALTER SYSTEM RESET log_line_prefix;\nSELECT pg_reload_conf();\n");
        self.superuser.query(&sql).await.map(drop)
    }
}

fn read_log(text: &str) -> anyhow::Result<Vec<Statement>> {
    let mut statements: Vec<Statement> = Vec::new();
    for entry in entries(text) {
        let fields: Vec<&str> = entry.splitn(5, '|').collect();
        let &[_, at, process, database, message] = fields.as_slice() else { continue };
        let process: u32 = process.parse().unwrap_or_default();
        if let Some(detail) = message.strip_prefix("DETAIL:  ") {
            let of = statements.iter_mut().rev().find(|statement| statement.process == process);
            let list = detail.strip_prefix("parameters: ").or(detail.strip_prefix("Parameters: "));
            if let (Some(statement), Some(list)) = (of, list) {
                statement.parameters = parameters(list)?;
            }
        } else if let Some((sql, took)) = message.strip_prefix("LOG:  ").and_then(statement) {
            let (sql, database) = (sql.to_owned(), database.to_owned());
            let at = at.parse::<f64>().unwrap_or_default() * 1000.0;
            statements.push(Statement { at, process, database, sql, parameters: Vec::new(), took });
        }
    }
    Ok(statements)
}

/// The entries of a log: an entry goes on until a line that begins the next.
fn entries(text: &str) -> Vec<String> {
    let mut entries: Vec<String> = Vec::new();
    for line in text.lines() {
        match entries.last_mut() {
            Some(entry) if !line.starts_with(ENTRY) => {
                entry.push('\n');
                entry.push_str(line);
            }
            _ => entries.push(line.to_owned()),
        }
    }
    entries
}

/// The statement of a message, with its time if it tells one. Of the parts of the extended protocol only `bind` and
/// `execute` belong to every run of a statement: `parse` comes once a connection.
fn statement(message: &str) -> Option<(&str, Option<f64>)> {
    let (took, rest) = match message.strip_prefix("duration: ") {
        None => (None, message),
        Some(rest) => {
            let (took, rest) = rest.split_once(" ms  ")?;
            (took.parse().ok(), rest)
        }
    };
    if let Some(sql) = rest.strip_prefix("statement: ") {
        return Some((sql, took));
    }
    let named = rest.strip_prefix("execute ").or_else(|| rest.strip_prefix("bind "))?;
    Some((named.split_once(": ")?.1, took))
}

/// Reads `$1 = '…', $2 = NULL`.
fn parameters(list: &str) -> anyhow::Result<Vec<Option<String>>> {
    let mut values = Vec::new();
    let mut rest = list;
    while let Some((_, after)) = rest.split_once(" = ") {
        if let Some(after) = after.strip_prefix("NULL") {
            values.push(None);
            rest = after;
            continue;
        }
        let mut text = after.strip_prefix('\'').context("a parameter of an unknown form")?;
        let mut value = String::new();
        rest = loop {
            let Some((part, after)) = text.split_once('\'') else { bail!("a parameter without an end") };
            value.push_str(part);
            match after.strip_prefix('\'') {
                Some(after) => {
                    value.push('\'');
                    text = after;
                }
                None => break after,
            }
        };
        values.push(Some(value));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_gives_its_statements_with_their_parameters() {
        let log = "bench|17.5|7|shop|LOG:  execute sqlx_s_1: SELECT $1,\n\t$2, $3\n\
                   bench|17.5|8|other|LOG:  statement: BEGIN\n\
                   bench|17.5|7|shop|DETAIL:  parameters: $1 = 'it''s, $2 = ''', $2 = NULL, $3 = ''\n";
        let statements = read_log(log).unwrap();
        assert_eq!(statements.len(), 2);
        assert_eq!(statements[0].sql, "SELECT $1,\n\t$2, $3");
        assert_eq!(statements[0].parameters, [Some("it's, $2 = '".to_owned()), None, Some(String::new())]);
        assert_eq!((statements[1].sql.as_str(), statements[1].process), ("BEGIN", 8));
    }

    #[test]
    fn times_come_with_bind_and_execute_not_with_parse() {
        let log = "bench|1|7|shop|LOG:  duration: 0.5 ms  parse s: SELECT 1\n\
                   bench|1|7|shop|LOG:  duration: 0.25 ms  bind s: SELECT 1\n\
                   bench|1|7|shop|LOG:  duration: 1.5 ms  execute s: SELECT 1\n";
        let times: Vec<_> = read_log(log).unwrap().iter().map(|statement| statement.took).collect();
        assert_eq!(times, [Some(0.25), Some(1.5)]);
    }
}
