//! The reading half of an import: a thread of its own reads and checks products, while the batch before is written.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kernel::{Currency, ErrorKind, Failure};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::{Draft, Format, Item, Reader, Reject};

/// Most products of a batch.
const BATCH_PRODUCTS: u64 = 1000;
/// Most bytes of a batch's rows, but for its last product.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Products that are written together.
#[derive(Debug, Default)]
pub struct Batch {
    /// Those that are good in themselves.
    pub drafts: Vec<Draft>,
    /// Why others are not.
    pub rejects: Vec<Reject>,
    /// How many others.
    pub rejected: u64,
    /// Products of the source up to the end of this batch.
    pub position: u64,
    /// Stands for the source up to there.
    pub checksum: u32,
    bytes: usize,
}

/// What the reading half tells.
#[derive(Debug)]
pub enum Message {
    /// The source reads as this format.
    Opened(Format),
    /// Its next products.
    Batch(Batch),
    /// It has been read to its end.
    Ended,
    /// It cannot be read on.
    Failed(Failure),
}

/// How to read a source.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The format, if it is not to be told from the source.
    pub format: Option<Format>,
    /// The shop's currency.
    pub currency: Currency,
    /// Products to read past, and what must stand for them.
    pub skip: Option<(u64, u32)>,
}

/// Reads `source` in a thread of its own. At most one batch waits while one is written and one is read: that bounds the
/// memory. Gives the messages, and how many bytes were read so far.
pub fn spawn(source: impl AsyncRead + Send + Unpin + 'static, plan: Plan) -> (mpsc::Receiver<Message>, Arc<AtomicU64>) {
    let (sender, receiver) = mpsc::channel(1);
    let bytes = Arc::new(AtomicU64::new(0));
    let source = Blocking { handle: Handle::current(), source, bytes: Arc::clone(&bytes) };
    tokio::task::spawn_blocking(move || {
        // A receiver that is gone is an import that was given up: nothing is left to do.
        if let Err(Ended::Failed(failure)) = read(source, plan, &sender) {
            drop(sender.blocking_send(Message::Failed(failure)));
        }
    });
    (receiver, bytes)
}

enum Ended {
    Failed(Failure),
    NobodyListens,
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

fn read(source: impl Read, plan: Plan, sender: &mpsc::Sender<Message>) -> Result<(), Ended> {
    let send = |message| sender.blocking_send(message).map_err(|_| Ended::NobodyListens);
    let mut reader = Reader::new(source, plan.format, plan.currency)?;
    send(Message::Opened(reader.format()))?;
    let mut batch = Batch::default();
    if let Some((count, checksum)) = plan.skip {
        skip(&mut reader, count, checksum)?;
        batch.position = count;
    }
    let end = loop {
        match reader.read() {
            Ok(Some(item)) => batch.add(item),
            Ok(None) => break Ok(()),
            Err(failure) => break Err(failure),
        }
        if batch.is_full() {
            let next = Batch { position: batch.position, ..Batch::default() };
            send(Message::Batch(std::mem::replace(&mut batch, next)))?;
        }
    };
    // What was read is imported, also when the rest cannot be read.
    if !batch.drafts.is_empty() || batch.rejected > 0 {
        send(Message::Batch(batch))?;
    }
    end?;
    send(Message::Ended)
}

/// Reads past the products that were imported before. They have to be the same ones.
fn skip<R: Read>(reader: &mut Reader<R>, count: u64, expected: u32) -> Result<(), Failure> {
    let mut checksum = None;
    for _ in 0..count {
        checksum = reader.read()?.map(|item| item.checksum);
    }
    if count == 0 || checksum == Some(expected) {
        return Ok(());
    }
    let message = "The source is not the one whose import was stopped; import it from the start";
    Err(Failure::new(ErrorKind::Conflict, "IMPORT_SOURCE_CHANGED", message))
}

impl Batch {
    fn add(&mut self, item: Item) {
        self.position += 1;
        self.checksum = item.checksum;
        match item.outcome {
            Ok(draft) => {
                let rows = std::iter::once(&draft.row).chain(draft.variants.iter().filter_map(|v| v.row.as_ref()));
                self.bytes += rows.map(|row| row.raw.len()).sum::<usize>();
                self.drafts.push(draft);
            }
            Err(rejects) => {
                self.bytes += rejects.iter().map(|reject| reject.raw.len() + reject.reason.len()).sum::<usize>();
                self.rejected += 1;
                self.rejects.extend(rejects);
            }
        }
    }

    fn is_full(&self) -> bool {
        self.drafts.len() as u64 + self.rejected >= BATCH_PRODUCTS || self.bytes >= BATCH_BYTES
    }
}

/// An asynchronous source for a thread that may wait.
struct Blocking<S> {
    handle: Handle,
    source: S,
    bytes: Arc<AtomicU64>,
}

impl<S: AsyncRead + Unpin> Read for Blocking<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.handle.block_on(self.source.read(buffer))?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
