//! The statements of a checkout as a script for pgbench: the bound to measure a checkout against.
//!
//! What makes it faithful:
//! - The statements, their order, their transactions and so their round trips are those that a process of the shop sent
//!   for one checkout, taken from PostgreSQL's log. Each is prepared once a connection (`-M prepared`), as the shop does.
//! - A checkout works on two databases, and pgbench on one: there is a script for each, run at the same time for the same
//!   number of checkouts, the connections divided as the round trips are. The slower one ends the run.
//! - Ids that are born in the checkout are new in each run of the script, in the way the shop makes them: those that grow
//!   with time (UUIDv7) grow, those that are random are random. So rows are inserted, found, updated as in the shop.
//! - What is bought is chosen by chance among the same products. pgbench has no list of texts, so this takes one further
//!   round trip in every tenth run.
//! - Numbers that differ between two captured checkouts (an order's number, the version of what was bought) are new ones.
//! - Times in the future (leases, reservations) are as far in the future as they were; other values are as captured, with
//!   their size. Sealed bytes get a new beginning each time, as some of them are unique.
//! - The shop's own process runs on meanwhile, and publishes the events of both sides alike.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use uuid::Uuid;

use crate::capture::Statement;
use crate::database::Database;

/// Ids that one checkout may make. A script has as many in a row for itself.
const IDS: usize = 64;
/// How far two databases' clocks of "now" may lie before a time counts as in the future, in milliseconds.
const NOW: f64 = 1000.0;

/// A script for one database.
pub struct Script {
    /// Its text.
    pub text: String,
    /// How many answers its client waits for.
    pub round_trips: usize,
}

/// What is bought: the ids that belong to one choice, so that another choice is another row of them.
pub struct Bought {
    /// Columns of `bench_bought` with their values in the captured checkout.
    pub ids: BTreeMap<String, String>,
}

/// The script of what `one` and `other`, two checkouts of the same kind, did on `database`.
pub async fn script(
    database: &Database,
    one: &[Statement],
    other: &[Statement],
    bought: &Bought,
) -> anyhow::Result<Script> {
    let texts = |statements: &[Statement]| statements.iter().map(|statement| statement.sql.clone()).collect::<Vec<_>>();
    ensure!(texts(one) == texts(other), "two checkouts sent different statements to {}", database.name());
    let mut writer = Writer { born: BTreeMap::new(), bought };
    let mut body = String::new();
    for (statement, twin) in one.iter().zip(other) {
        let types = parameter_types(database, &statement.sql).await?;
        body.push_str(&writer.statement(statement, twin, &types)?);
        body.push_str(";\n");
    }
    ensure!(writer.born.len() < IDS, "a checkout makes more ids than are kept for it");
    let text = format!("{}{}{body}", choice(bought), writer.ids());
    Ok(Script { text, round_trips: one.len() })
}

/// A choice of what is bought, in every tenth run.
fn choice(bought: &Bought) -> String {
    let columns: Vec<&str> = bought.ids.keys().map(String::as_str).collect();
    format!(
        "\\set n :n + 1\n\\if :n % 10 = 1\n\\set row random(1, :rows)\nSELECT {} FROM bench_bought WHERE row = :row \\gset\n\\endif\n",
        columns.join(", ")
    )
}

struct Writer<'a> {
    /// Values that are new in each checkout, with the names of their variables.
    born: BTreeMap<String, String>,
    bought: &'a Bought,
}

impl Writer<'_> {
    /// The variables of the new ids: a number that grows over runs, clients and ids, or one by chance.
    fn ids(&self) -> String {
        let mut text = String::new();
        for (number, (value, name)) in self.born.iter().enumerate() {
            let random = Uuid::parse_str(value).is_ok_and(|id| id.get_version_num() != 7);
            let line = if random {
                format!("\\set {name} random(0, 281474976710655)\n")
            } else {
                format!("\\set {name} :base + (:n * 64 + :client_id) * {IDS} + {number}\n")
            };
            text.push_str(&line);
        }
        text
    }

    fn statement(&mut self, statement: &Statement, twin: &Statement, types: &[String]) -> anyhow::Result<String> {
        let values = statement.parameters.iter().zip(&twin.parameters).zip(types);
        let mut expressions = Vec::new();
        for ((value, twin), kind) in values {
            expressions.push(match (value, twin) {
                (Some(value), Some(twin)) => self.expression(value, twin, kind, statement.at),
                (Some(value), None) => format!("{}::{kind}", quoted(value)),
                _ => format!("NULL::{kind}"),
            });
        }
        with_parameters(&statement.sql, &expressions)
    }

    /// A parameter as SQL.
    fn expression(&mut self, value: &str, twin: &str, kind: &str, at: f64) -> String {
        if value == twin && !self.is_bought(value) {
            return format!("{}::{kind}", quoted(value));
        }
        if kind.starts_with("timestamp") {
            return time(value, kind, at);
        }
        match kind {
            "uuid" => self.id(value, "::uuid"),
            // Drawn from a sequence, or counted up by an earlier statement.
            "bigint" | "integer" => format!("(:{})::{kind}", self.variable(value)),
            "bigint[]" | "integer[]" => {
                let numbers =
                    value.trim_matches(['{', '}']).split(',').map(|number| format!("(:{})", self.variable(number)));
                format!("ARRAY[{}]::{kind}", numbers.collect::<Vec<_>>().join(", "))
            }
            "bytea" => self.bytes(value),
            _ => self.text(value, twin, kind),
        }
    }

    fn is_bought(&self, value: &str) -> bool {
        self.bought.ids.values().any(|id| value.contains(id.as_str()))
    }

    fn variable(&mut self, value: &str) -> String {
        let name = format!("v{}", self.born.len());
        self.born.entry(value.to_owned()).or_insert(name).clone()
    }

    /// An id that was born, or of what is bought.
    fn id(&mut self, id: &str, cast: &str) -> String {
        if let Some((column, _)) = self.bought.ids.iter().find(|(_, value)| *value == id) {
            return format!("(:{column})::uuid{}", cast.trim_start_matches("::uuid"));
        }
        let random = Uuid::parse_str(id).is_ok_and(|id| id.get_version_num() != 7);
        let rest = if random { "40008000000000000000" } else { "70008000000000000000" };
        let name = self.variable(id);
        format!("(lpad(to_hex((:{name})::bigint), 12, '0') || '{rest}'){cast}")
    }

    /// Bytes with a new beginning.
    fn bytes(&mut self, value: &str) -> String {
        let hex = value.trim_start_matches("\\x");
        let name = self.variable(value);
        let rest = hex.get(16..).unwrap_or_default();
        format!("decode(lpad(to_hex((:{name})::bigint), 16, '0') || '{rest}', 'hex')")
    }

    /// Text with ids and numbers in it: arrays, JSON, keys. Those that differ from the twin's are new ones.
    fn text(&mut self, value: &str, twin: &str, kind: &str) -> String {
        let (pieces, twins) = (pieces(value), pieces(twin));
        let mut parts = Vec::new();
        for (number, piece) in pieces.iter().enumerate() {
            let same = twins.get(number) == Some(piece);
            parts.push(match piece {
                Piece::Id(id) if !same || self.is_bought(id) => self.id(id, "::uuid::text"),
                Piece::Number(number) if !same => format!("(:{})::bigint::text", self.variable(number)),
                Piece::Id(text) | Piece::Number(text) | Piece::Text(text) => quoted(text),
            });
        }
        format!("({})::{kind}", parts.join(" || "))
    }
}

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    Id(&'a str),
    /// A number as a value in JSON.
    Number(&'a str),
}

/// The parts of a text, none of them empty.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut begin, mut at) = (0, 0);
    while at < text.len() {
        let found = id_at(text, at).map(Piece::Id).or_else(|| number_at(text, at).map(Piece::Number));
        let Some(piece @ (Piece::Id(part) | Piece::Number(part))) = found else {
            at += 1;
            continue;
        };
        if begin < at {
            pieces.push(Piece::Text(&text[begin..at]));
        }
        pieces.push(piece);
        at += part.len();
        begin = at;
    }
    if begin < text.len() || pieces.is_empty() {
        pieces.push(Piece::Text(&text[begin..]));
    }
    pieces
}

fn id_at(text: &str, at: usize) -> Option<&str> {
    let part = text.get(at..at + 36)?;
    (part.as_bytes()[8] == b'-' && Uuid::try_parse(part).is_ok()).then_some(part)
}

fn number_at(text: &str, at: usize) -> Option<&str> {
    let rest = text.get(at..)?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let ends = rest[digits..].starts_with([',', '}']);
    (digits > 0 && ends && text[..at].ends_with(": ")).then_some(&rest[..digits])
}

/// A time as far from now as it was.
fn time(value: &str, kind: &str, at: f64) -> String {
    let parsed = chrono::DateTime::parse_from_str(&format!("{value}00"), "%Y-%m-%d %H:%M:%S%.f%z");
    #[expect(clippy::cast_precision_loss)] // milliseconds of this century
    let ahead = parsed.map(|time| time.timestamp_millis() as f64 - at).unwrap_or_default();
    if ahead.abs() < NOW { "now()".to_owned() } else { format!("(now() + interval '{ahead:.0} milliseconds')::{kind}") }
}

/// The statement with expressions in the place of `$1`…
fn with_parameters(sql: &str, expressions: &[String]) -> anyhow::Result<String> {
    let mut text = String::new();
    let mut parts = sql.split('$');
    text.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let number: usize = part[..digits].parse().context("a dollar sign that begins no parameter")?;
        text.push_str(expressions.get(number - 1).context("a parameter without a value")?);
        text.push_str(&part[digits..]);
    }
    Ok(text.trim().trim_end_matches(';').to_owned())
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// The types of a statement's parameters, as PostgreSQL infers them.
async fn parameter_types(database: &Database, sql: &str) -> anyhow::Result<Vec<String>> {
    if !sql.contains('$') {
        return Ok(Vec::new());
    }
    let prepare = format!("PREPARE captured AS {};", sql.trim().trim_end_matches(';'));
    let types = "SELECT unnest(parameter_types) FROM pg_prepared_statements WHERE name = 'captured';";
    let types = database.query(&format!("{prepare}\n{types}")).await?;
    Ok(types.lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_put_in_their_places() {
        let sql = "SELECT $2, $1 FROM t WHERE a = $12";
        let values: Vec<String> = (1..=12).map(|number| format!("v{number}")).collect();
        assert_eq!(with_parameters(sql, &values).unwrap(), "SELECT v2, v1 FROM t WHERE a = v12");
    }

    #[test]
    fn ids_are_new_wherever_they_stand_and_the_same_within_a_checkout() {
        let bought =
            Bought { ids: BTreeMap::from([("variant".to_owned(), "00000000-0000-4000-8000-000000000001".to_owned())]) };
        let mut writer = Writer { born: BTreeMap::new(), bought: &bought };
        let id = "0197a3c5-0000-7000-8000-000000000001";
        let other = "0197a3c5-0000-7000-8000-000000000002";
        let alone = writer.expression(id, other, "uuid", 0.0);
        assert_eq!(alone, "(lpad(to_hex((:v0)::bigint), 12, '0') || '70008000000000000000')::uuid");
        let order = |id, number| format!("{{\"order\": \"{id}\", \"number\": {number}, \"place\": 1}}");
        let within = writer.expression(&order(id, 7), &order(other, 8), "jsonb", 0.0);
        assert!(within.contains(":v0") && within.contains("(:v1)::bigint::text || ', \"place\": '"), "{within}");
        let variant = writer.expression("{00000000-0000-4000-8000-000000000001}", "{}", "uuid[]", 0.0);
        assert_eq!(variant, "('{' || (:variant)::uuid::text || '}')::uuid[]");
    }
}
