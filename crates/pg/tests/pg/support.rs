//! Schemas that are written as plain SQL.

use std::borrow::Cow;

use pg::{Grant, Schema};
use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// A migration from its SQL there and back.
pub fn migration(version: i64, up: &'static str, down: &'static str) -> [Migration; 2] {
    let name = Cow::Borrowed("test");
    [(MigrationType::ReversibleUp, up), (MigrationType::ReversibleDown, down)]
        .map(|(kind, sql)| Migration::new(version, name.clone(), kind, sql.into_sql_str(), false))
}

pub const SCHEMA: Schema = Schema {
    role: "pgtest",
    migrations: || {
        Migrator::with_migrations(
            [
                migration(
                    100,
                    "CREATE TABLE shelves (
                        id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
                        created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
                        updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
                    )",
                    "DROP TABLE shelves",
                ),
                migration(
                    101,
                    "CREATE TABLE books (
                        id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
                        shelf_id UUID NOT NULL REFERENCES shelves (id),
                        price BIGINT NOT NULL,
                        currency TEXT NOT NULL,
                        created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
                        updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
                    );
                    CREATE INDEX idx_books_shelf ON books (shelf_id);",
                    "DROP TABLE books",
                ),
                migration(102, "ALTER TABLE books ADD title TEXT", "ALTER TABLE books DROP title"),
            ]
            .into_iter()
            .flatten()
            .collect(),
        )
    },
    grants: &[&[
        Grant { table: "shelves", runtime: "SELECT" },
        Grant { table: "books", runtime: "SELECT, INSERT, UPDATE (title)" },
    ]],
    unpaired_amounts: &[],
};
