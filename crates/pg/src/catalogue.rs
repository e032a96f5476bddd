//! Rules that every table keeps to, asked from the database itself. Each role tests that nothing is found.

use std::collections::BTreeSet;

use sqlx::PgConnection;

use crate::schema::Schema;

/// Tables of the ground that are logs and bookkeeping rather than entities.
const NOT_ENTITIES: &[&str] = &["_sqlx_migrations", "events", "relay", "inbox", "idempotency_keys"];

/// Every breach of the rules, one sentence each.
pub async fn findings(conn: &mut PgConnection, schema: &Schema) -> Result<Vec<String>, sqlx::Error> {
    let mut found = Vec::new();
    found.extend(unindexed_foreign_keys(conn).await?);
    found.extend(columns(conn, schema).await?);
    found.extend(ungranted_tables(conn, schema).await?);
    Ok(found)
}

/// Deleting or changing the referenced row would scan the whole table.
async fn unindexed_foreign_keys(conn: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    let names: Vec<String> = sqlx::query_scalar(
        r"
        SELECT format('foreign key %s of %s has no index', fk.conname, fk.conrelid::regclass)
        FROM pg_constraint fk
        WHERE fk.contype = 'f' AND fk.connamespace = 'public'::regnamespace
          AND NOT EXISTS (
            SELECT FROM pg_index i
            WHERE i.indrelid = fk.conrelid AND i.indisvalid
              -- A partial index serves if all it leaves out is what has no reference or is deleted.
              AND (i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) ~ '(IS NOT NULL|deleted_at IS NULL)')
              AND (SELECT array_agg(k ORDER BY k) FROM unnest(fk.conkey) k)
                = (SELECT array_agg(k ORDER BY k)
                   FROM unnest((i.indkey::int2[])[0:array_length(fk.conkey, 1) - 1]) k))
        ORDER BY 1",
    )
    .fetch_all(conn)
    .await?;
    Ok(names)
}

#[derive(sqlx::FromRow)]
struct Column {
    table_name: String,
    name: String,
    type_name: String,
    not_null: bool,
    has_default: bool,
    in_primary_key: bool,
}

async fn columns(conn: &mut PgConnection, schema: &Schema) -> Result<Vec<String>, sqlx::Error> {
    let columns: Vec<Column> = sqlx::query_as(
        r"
        SELECT t.relname::text AS table_name, a.attname::text AS name, format_type(a.atttypid, NULL) AS type_name,
               a.attnotnull AS not_null, a.atthasdef AS has_default,
               EXISTS (SELECT FROM pg_index i
                       WHERE i.indrelid = t.oid AND i.indisprimary AND a.attnum = ANY (i.indkey)) AS in_primary_key
        FROM pg_class t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE t.relnamespace = 'public'::regnamespace AND t.relkind IN ('r', 'p')
        ORDER BY 1, a.attnum",
    )
    .fetch_all(conn)
    .await?;
    let mut found = Vec::new();
    for column in &columns {
        found.extend(type_finding(column));
    }
    for table in columns.chunk_by(|a, b| a.table_name == b.table_name) {
        found.extend(entity_findings(table));
        found.extend(amount_findings(table, schema));
    }
    Ok(found)
}

fn type_finding(column: &Column) -> Option<String> {
    let why = match column.type_name.as_str() {
        "timestamp without time zone" | "time with time zone" => "a time without a place: use timestamptz",
        "real" | "double precision" => "a float: it cannot hold money or be compared",
        "money" => "tied to the server's locale: use minor units and a currency",
        "json" => "compared and indexed as text: use jsonb",
        "character varying" | "character" if column.name == "id" => "a text id: use uuid",
        _ => return None,
    };
    // The record of migrations is sqlx's own table.
    (column.table_name != "_sqlx_migrations")
        .then(|| format!("{}.{} is {}, {why}", column.table_name, column.name, column.type_name))
}

/// A table with a column `id` is an entity, unless its key is made of other columns.
fn entity_findings(table: &[Column]) -> Vec<String> {
    let Some(name) = table.first().map(|column| column.table_name.as_str()) else { return Vec::new() };
    if NOT_ENTITIES.contains(&name) {
        return Vec::new();
    }
    let mut found = Vec::new();
    if !table.iter().any(|column| column.in_primary_key) {
        found.push(format!("{name} has no primary key"));
    }
    let id = table.iter().find(|column| column.name == "id");
    if let Some(id) = id
        && !(id.type_name == "uuid" && id.has_default && id.in_primary_key)
    {
        found.push(format!("{name}.id is not UUID PRIMARY KEY DEFAULT gen_random_uuid()"));
    }
    let stamps: &[&str] = if id.is_some() { &["created_at", "updated_at"] } else { &["created_at"] };
    for stamp in stamps {
        let kept = table.iter().any(|column| {
            column.name == *stamp
                && column.type_name == "timestamp with time zone"
                && column.not_null
                && column.has_default
        });
        if !kept {
            found.push(format!("{name} lacks {stamp} TIMESTAMPTZ NOT NULL DEFAULT now()"));
        }
    }
    found
}

/// A column that holds an amount has a currency in its row.
fn amount_findings(table: &[Column], schema: &Schema) -> Vec<String> {
    let is_amount = |name: &str| {
        ["amount", "price", "total", "subtotal"].iter().any(|word| name == *word || name.ends_with(&format!("_{word}")))
    };
    let has_currency = table.iter().any(|column| column.name.ends_with("currency"));
    let amounts = table.iter().filter(|column| is_amount(&column.name));
    let mut found = Vec::new();
    for column in amounts {
        let name = format!("{}.{}", column.table_name, column.name);
        if schema.unpaired_amounts.contains(&name.as_str()) {
            continue;
        }
        if column.type_name != "bigint" {
            found.push(format!("{name} is {}, not BIGINT of minor units", column.type_name));
        }
        if !has_currency {
            found.push(format!("{name} has no currency beside it"));
        }
    }
    found
}

async fn ungranted_tables(conn: &mut PgConnection, schema: &Schema) -> Result<Vec<String>, sqlx::Error> {
    let tables: Vec<String> = sqlx::query_scalar(
        r"SELECT relname::text FROM pg_class
          WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm') AND relname <> '_sqlx_migrations'
          ORDER BY 1",
    )
    .fetch_all(conn)
    .await?;
    let tables: BTreeSet<String> = tables.into_iter().collect();
    let granted: BTreeSet<String> = schema.grants().map(|grant| grant.table.to_owned()).collect();
    let missing =
        tables.difference(&granted).map(|table| format!("{table} has no grant: name it, with none if need be"));
    let unknown = granted.difference(&tables).map(|table| format!("{table} is granted but does not exist"));
    Ok(missing.chain(unknown).collect())
}

/// The whole schema as text, one line for each column, constraint, index and privilege: two schemas are equal if their
/// descriptions are.
pub async fn describe(conn: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        r"
        WITH tables AS (
            SELECT oid, relname, relacl FROM pg_class
            WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
        )
        SELECT format('column %s.%s %s %s default %s identity %s acl %s', t.relname, a.attname,
                      format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END,
                      pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attacl)
        FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
             LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
        UNION ALL
        SELECT format('constraint %s.%s %s', t.relname, c.conname, pg_get_constraintdef(c.oid))
        FROM tables t JOIN pg_constraint c ON c.conrelid = t.oid
        UNION ALL
        SELECT format('index %s', pg_get_indexdef(i.indexrelid)) FROM tables t JOIN pg_index i ON i.indrelid = t.oid
        UNION ALL
        SELECT format('trigger %s', pg_get_triggerdef(g.oid))
        FROM tables t JOIN pg_trigger g ON g.tgrelid = t.oid WHERE NOT g.tgisinternal
        UNION ALL
        SELECT format('function %s', pg_get_functiondef(p.oid)) FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace AND p.prokind <> 'a'
          AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = p.oid AND e.deptype = 'e')
        UNION ALL
        SELECT format('type %s %s', t.typname, array(SELECT enumlabel FROM pg_enum WHERE enumtypid = t.oid ORDER BY enumsortorder))
        FROM pg_type t WHERE t.typnamespace = 'public'::regnamespace AND t.typtype IN ('e', 'd')
        UNION ALL
        SELECT format('extension %s', extname) FROM pg_extension
        UNION ALL
        SELECT format('privileges %s %s', relname, relacl) FROM tables
        ORDER BY 1",
    )
    .fetch_all(conn)
    .await
}
