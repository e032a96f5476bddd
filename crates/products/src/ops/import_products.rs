//! Writes a catalog file into the catalog: adds what is new, changes what differs, leaves what is the same.

use std::sync::atomic::Ordering;

use events::product::{self, ProductCreated, ProductUpdated};
use kernel::{Context, ErrorKind, Failure};
use messaging::NewEvent;
use sqlx::PgConnection;
use tokio::io::AsyncRead;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{data, emit_levels, product_tags, require_write};
use crate::cache::Tag;
use crate::import::batches::{self, Batch, Message};
use crate::import::plan::{self, Ground, Plan};
use crate::import::{Format, Reject, Seen};
use crate::ops::import_categories::Categories;
use crate::store::imports::ImportRow;
use crate::{Error, Products, store};

/// How often a batch is tried when somebody else adds the same products at that moment.
const ATTEMPTS: u32 = 5;

/// How to import.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// What is imported, such as the file's path: an import that was stopped goes on under the same name.
    pub source: String,
    /// The format, if it is not to be told from the source.
    pub format: Option<Format>,
    /// Count what would change, and change nothing.
    pub dry_run: bool,
    /// Go on where an import of the same source was stopped.
    pub resume: bool,
    /// Stops the import after the batch that is being written.
    pub stop: CancellationToken,
}

/// What an import tells while it runs.
#[derive(Debug)]
pub enum ImportStep<'a> {
    /// It has come so far.
    Progress(&'a ImportReport),
    /// A row is refused.
    Rejected(&'a Reject),
}

/// How an import stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Its id; none of a dry run.
    pub id: Option<Uuid>,
    /// Whether it has come to the end of the source. One that was stopped can go on.
    pub finished: bool,
    /// Products that an earlier run had dealt with.
    pub resumed_from: u64,
    /// Bytes read of the source.
    pub bytes: u64,
    /// Products dealt with, those of earlier runs included, as in the counts below.
    pub products: u64,
    /// Products added.
    pub created: u64,
    /// Products changed.
    pub updated: u64,
    /// Products that were as they should be.
    pub unchanged: u64,
    /// Products refused.
    pub rejected: u64,
    /// Rows refused: each reason of a refused product is one.
    pub rejects: u64,
}

/// An import that runs.
struct Run {
    /// Its row; of a dry run only a sheet for the counts.
    row: ImportRow,
    recorded: bool,
    format: Format,
    categories: Categories,
    /// SKUs that this run would have added, as numbers; only of a dry run.
    claimed: Seen,
}

impl Products {
    /// Imports `source`, and tells `on_step` of progress and of refused rows. When this is dropped half way, all batches
    /// up to the one that was being written are in the catalog, and the import can be resumed.
    ///
    /// Failures: what is wrong with the source as a whole, such as `UNKNOWN_FORMAT` or `IMPORT_SOURCE_CHANGED`. What is
    /// wrong with a row only rejects its product.
    pub async fn import_products(
        &self,
        context: &Context,
        source: impl AsyncRead + Send + Unpin + 'static,
        options: ImportOptions,
        mut on_step: impl FnMut(ImportStep<'_>) + Send,
    ) -> Result<ImportReport, Error> {
        require_write(context)?;
        let before = self.open_import(&options).await?;
        let skip =
            before.as_ref().map(|row| (row.position.cast_unsigned(), u32::try_from(row.checksum).unwrap_or_default()));
        let resumed_from = skip.map_or(0, |(position, _)| position);
        let format = options.format.or_else(|| before.as_ref().and_then(|row| Format::find(&row.format)));
        let reading = batches::Plan { format, currency: self.currency, skip };
        let (mut messages, bytes) = batches::spawn(source, reading);
        let Some(mut run) = self.start(&mut messages, &options, before).await? else {
            return Ok(ImportReport::default());
        };
        on_step(ImportStep::Progress(&run.report(resumed_from, 0)));
        loop {
            let message = tokio::select! {
                biased;
                () = options.stop.cancelled() => break,
                message = messages.recv() => message,
            };
            match message {
                Some(Message::Batch(batch)) => {
                    let refused = self.import_batch(&mut run, batch).await?;
                    for reject in &refused {
                        on_step(ImportStep::Rejected(reject));
                    }
                    let read = bytes.load(Ordering::Relaxed);
                    on_step(ImportStep::Progress(&run.report(resumed_from, read)));
                }
                Some(Message::Failed(failure)) => return Err(self.fail_import(run, failure).await),
                Some(Message::Ended) => {
                    "finished".clone_into(&mut run.row.state);
                    break;
                }
                Some(Message::Opened(_)) => {}
                None => return Err(self.fail_import(run, reader_gone()).await),
            }
        }
        if run.row.state == "running" {
            "stopped".clone_into(&mut run.row.state);
        }
        self.save_import(&run, &[]).await?;
        Ok(run.report(resumed_from, bytes.load(Ordering::Relaxed)))
    }

    /// The import that this one goes on with.
    async fn open_import(&self, options: &ImportOptions) -> Result<Option<ImportRow>, Error> {
        if options.dry_run || !options.resume {
            return Ok(None);
        }
        let mut conn = self.db.primary().acquire().await?;
        Ok(store::imports::find_open(&mut conn, &options.source).await?)
    }

    /// Waits until the source has shown that it can be read, and only then makes the import's row.
    async fn start(
        &self,
        messages: &mut tokio::sync::mpsc::Receiver<Message>,
        options: &ImportOptions,
        before: Option<ImportRow>,
    ) -> Result<Option<Run>, Error> {
        let opened = tokio::select! {
            () = options.stop.cancelled() => None,
            message = messages.recv() => message,
        };
        let format = match opened {
            Some(Message::Opened(format)) => format,
            Some(Message::Failed(failure)) => return Err(failure.into()),
            Some(Message::Batch(_) | Message::Ended) | None if options.stop.is_cancelled() => return Ok(None),
            Some(Message::Batch(_) | Message::Ended) | None => return Err(reader_gone().into()),
        };
        let mut conn = self.db.primary().acquire().await?;
        let categories = Categories::read(&mut conn).await?;
        let row = match before {
            Some(row) => ImportRow { state: "running".to_owned(), failure: None, ..row },
            None => self.new_row(&mut conn, format, options).await?,
        };
        Ok(Some(Run { row, recorded: !options.dry_run, format, categories, claimed: Seen::default() }))
    }

    async fn new_row(
        &self,
        conn: &mut PgConnection,
        format: Format,
        options: &ImportOptions,
    ) -> Result<ImportRow, Error> {
        let (id, now) = (kernel::id::new_id(), self.clock.now());
        if !options.dry_run {
            store::imports::insert(conn, id, &options.source, format).await?;
        }
        Ok(ImportRow {
            id,
            source: options.source.clone(),
            format: format.as_str().to_owned(),
            state: "running".to_owned(),
            position: 0,
            checksum: 0,
            created: 0,
            updated: 0,
            unchanged: 0,
            rejected: 0,
            rejects: 0,
            failure: None,
            created_at: now,
            updated_at: now,
        })
    }

    async fn save_import(&self, run: &Run, rejects: &[Reject]) -> Result<(), Error> {
        if run.recorded {
            let mut conn = self.db.primary().acquire().await?;
            store::imports::save(&mut conn, &run.row, rejects).await?;
        }
        Ok(())
    }

    /// Notes why the import cannot go on. A source that was cut off, or that is another one, leaves the import open.
    async fn fail_import(&self, mut run: Run, failure: Failure) -> Error {
        let state = if failure.kind == ErrorKind::Invalid { "failed" } else { "stopped" };
        state.clone_into(&mut run.row.state);
        run.row.failure = Some(failure.message.to_string());
        match self.save_import(&run, &[]).await {
            Ok(()) => failure.into(),
            Err(error) => error,
        }
    }

    /// Writes a batch in one transaction. Gives the rows that are refused.
    async fn import_batch(&self, run: &mut Run, batch: Batch) -> Result<Vec<Reject>, Error> {
        let mut attempt = 1;
        loop {
            match self.try_batch(run, &batch).await {
                Err(Error::SlugTaken | Error::SkuTaken) if attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
                Ok(rejects) => return Ok(rejects),
            }
        }
    }

    async fn try_batch(&self, run: &mut Run, batch: &Batch) -> Result<Vec<Reject>, Error> {
        let mut tx = self.db.begin().await?;
        let paths = batch.drafts.iter().filter_map(|draft| draft.category.as_ref());
        let made = run.categories.ensure(&mut tx, paths, self.clock.now()).await?;
        let slugs: Vec<&str> = batch.drafts.iter().map(|draft| draft.slug.as_str()).collect();
        let variants = batch.drafts.iter().flat_map(|draft| &draft.variants);
        let skus: Vec<&str> = variants.map(|variant| variant.sku.as_str()).collect();
        let snapshot = store::import::snapshot(&mut tx, &slugs, &skus).await?;
        let ground = Ground {
            snapshot: &snapshot,
            categories: run.categories.by_path(),
            currency: self.currency,
            format: run.format,
        };
        let mut of_batch = Seen::default();
        let claimed = if run.recorded { &mut of_batch } else { &mut run.claimed };
        let plan = plan::plan(&batch.drafts, &ground, claimed);
        let mut row = run.row.clone();
        count(&mut row, batch, &plan);
        let mut rejects: Vec<Reject> = batch.rejects.iter().chain(&plan.rejects).cloned().collect();
        rejects.sort_by_key(|reject| reject.line);
        if run.recorded {
            self.write_plan(&mut tx, &plan).await?;
            store::imports::save(&mut tx, &row, &rejects).await?;
            tx.commit().await?;
            self.changed(imported_tags(&plan, made)).await;
        }
        run.row = row;
        Ok(rejects)
    }

    async fn write_plan(&self, conn: &mut PgConnection, plan: &Plan<'_>) -> Result<(), Error> {
        // An exponent is 0 to 4.
        let decimals = i32::try_from(self.currency.exponent()).unwrap_or(2);
        store::import::write(conn, plan, self.currency.as_str(), decimals, self.clock.now()).await?;
        let created = plan.new_products.iter().map(|new| NewEvent {
            aggregate: product::AGGREGATE,
            aggregate_id: new.id,
            version: 1,
            kind: ProductCreated::KIND,
            data: data(&ProductCreated { slug: new.draft.slug.clone() }),
        });
        let updated = plan.changed_products.iter().map(|changed| NewEvent {
            aggregate: product::AGGREGATE,
            aggregate_id: changed.id,
            version: changed.version,
            kind: ProductUpdated::KIND,
            data: data(&ProductUpdated { slug: changed.slug.clone(), previous_slug: None, price: None }),
        });
        messaging::emit_many(conn, created.chain(updated).collect()).await?;
        let changed = plan.changed_levels.iter().map(|(change, _)| change);
        let levels: Vec<_> = plan.new_levels.iter().chain(changed).cloned().collect();
        emit_levels(conn, &levels).await?;
        Ok(())
    }
}

/// What an imported batch touches.
fn imported_tags(plan: &Plan<'_>, categories_made: bool) -> Vec<Tag> {
    let ids = plan.new_products.iter().map(|new| new.id).chain(plan.refreshed.iter().copied());
    let mut tags: Vec<Tag> = ids.flat_map(product_tags).collect();
    if categories_made {
        tags.push(Tag::Categories);
    }
    tags
}

impl Run {
    fn report(&self, resumed_from: u64, bytes: u64) -> ImportReport {
        let ImportRow { id, state, position, created, updated, unchanged, rejected, rejects, .. } = &self.row;
        ImportReport {
            id: self.recorded.then_some(*id),
            finished: state == "finished",
            resumed_from,
            bytes,
            products: position.cast_unsigned(),
            created: created.cast_unsigned(),
            updated: updated.cast_unsigned(),
            unchanged: unchanged.cast_unsigned(),
            rejected: rejected.cast_unsigned(),
            rejects: rejects.cast_unsigned(),
        }
    }
}

/// The thread that reads ended without a word.
fn reader_gone() -> Failure {
    tracing::error!("the reader of an import ended without a word");
    Failure::internal()
}

fn count(row: &mut ImportRow, batch: &Batch, plan: &Plan<'_>) {
    let rejects = batch.rejects.len() + plan.rejects.len();
    row.position = batch.position.cast_signed();
    row.checksum = i64::from(batch.checksum);
    row.created += plan.created().cast_signed();
    row.updated += plan.updated.cast_signed();
    row.unchanged += plan.unchanged.cast_signed();
    row.rejected += (batch.rejected + plan.rejected).cast_signed();
    row.rejects += (rejects as u64).cast_signed();
}
