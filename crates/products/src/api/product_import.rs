//! An import as it is shown.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::import::Reject;
use crate::ops::ImportReport;
use crate::store::imports::{ImportRow, RejectRow};

/// An import of products.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProductImport {
    /// Its id; null for a dry run, of which nothing is kept.
    pub id: Option<Uuid>,
    /// Where it stands. `running` also when it was cut off: send the file again.
    pub state: ImportState,
    /// Whether nothing was to be changed.
    pub dry_run: bool,
    /// Products dealt with.
    #[schema(minimum = 0)]
    pub products: u64,
    /// Products added.
    #[schema(minimum = 0)]
    pub created: u64,
    /// Products changed.
    #[schema(minimum = 0)]
    pub updated: u64,
    /// Products that were as they should be.
    #[schema(minimum = 0)]
    pub unchanged: u64,
    /// Products refused.
    #[schema(minimum = 0)]
    pub rejected: u64,
    /// Reasons for which products were refused.
    #[schema(minimum = 0)]
    pub reject_count: u64,
    /// The first thousand of them.
    #[schema(max_items = 1000)]
    pub rejects: Vec<RejectedRow>,
    /// Why it could not go on.
    #[schema(max_length = 1024)]
    pub failure: Option<String>,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When it last went on.
    pub updated_at: DateTime<Utc>,
}

/// Where an import stands.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportState {
    /// Not at the end yet.
    Running,
    /// Stopped before the end.
    Stopped,
    /// At the end.
    Finished,
    /// The rest of the file could not be read.
    Failed,
}

/// A row that was refused.
#[derive(Debug, Serialize, ToSchema)]
pub struct RejectedRow {
    /// Its line, from 1.
    #[schema(minimum = 0)]
    pub line: u64,
    /// The column, or the path of the field in JSON; empty when it is the row as a whole.
    #[schema(max_length = 1024)]
    pub column: String,
    /// Stable code.
    #[schema(max_length = 64, pattern = "^[A-Z0-9_]+$")]
    pub code: String,
    /// A sentence for the person who wrote the file.
    #[schema(max_length = 4096)]
    pub reason: String,
}

impl ProductImport {
    /// What an import that has ended reports.
    pub fn of_report(
        report: &ImportReport,
        dry_run: bool,
        rejects: Vec<RejectedRow>,
        began: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            id: report.id,
            state: if report.finished { ImportState::Finished } else { ImportState::Stopped },
            dry_run,
            products: report.products,
            created: report.created,
            updated: report.updated,
            unchanged: report.unchanged,
            rejected: report.rejected,
            reject_count: report.rejects,
            rejects,
            failure: None,
            created_at: began,
            updated_at: now,
        }
    }
}

impl From<(ImportRow, Vec<RejectRow>)> for ProductImport {
    fn from((row, rejects): (ImportRow, Vec<RejectRow>)) -> Self {
        Self {
            id: Some(row.id),
            state: match row.state.as_str() {
                "running" => ImportState::Running,
                "stopped" => ImportState::Stopped,
                "finished" => ImportState::Finished,
                // The table's check allows no fifth.
                _ => ImportState::Failed,
            },
            dry_run: false,
            products: row.position.cast_unsigned(),
            created: row.created.cast_unsigned(),
            updated: row.updated.cast_unsigned(),
            unchanged: row.unchanged.cast_unsigned(),
            rejected: row.rejected.cast_unsigned(),
            reject_count: row.rejects.cast_unsigned(),
            rejects: rejects.into_iter().map(RejectedRow::from).collect(),
            failure: row.failure,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl From<RejectRow> for RejectedRow {
    fn from(RejectRow { line, field, code, reason }: RejectRow) -> Self {
        Self { line: line.cast_unsigned(), column: field, code, reason }
    }
}

impl From<&Reject> for RejectedRow {
    fn from(reject: &Reject) -> Self {
        let Reject { line, column, code, reason, .. } = reject;
        Self { line: *line, column: column.clone(), code: code.to_string(), reason: reason.clone() }
    }
}
