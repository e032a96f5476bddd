//! One product after another, whatever the format.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;

use kernel::{Currency, ErrorKind, Failure};

use super::format::{Format, refuse_utf16};
use super::{Draft, Parsed, Reject, Seen, jsonl, rows};

/// Bytes read at a time.
const BUFFER: usize = 64 * 1024;

/// The next product of a file.
#[derive(Debug)]
pub struct Item {
    /// The product, or every reason why its rows are refused.
    pub outcome: Result<Draft, Vec<Reject>>,
    /// A number that stands for the file up to here.
    pub checksum: u32,
}

enum Source<R> {
    Jsonl { lines: BufReader<R>, line: Vec<u8>, number: u64, checksum: crc32fast::Hasher },
    Rows(Box<rows::Products<BufReader<R>>>),
}

/// Reads a file product by product. Holds one product, and eight bytes for each handle that it has seen.
pub struct Reader<R> {
    source: Source<R>,
    format: Format,
    shop: Currency,
    seen: Seen,
}

impl<R: Read> Reader<R> {
    /// Reads the file's beginning. `shop` is the shop's currency. Failures: 422 with what is wrong with it.
    pub fn new(source: R, format: Option<Format>, shop: Currency) -> Result<Self, Failure> {
        let mut source = BufReader::with_capacity(BUFFER, source);
        let start = source.fill_buf().map_err(read_failure)?;
        refuse_utf16(start)?;
        let format = format.map_or_else(|| Format::detect(start), Ok)?;
        let source = match format {
            Format::Jsonl => {
                if start.starts_with("\u{feff}".as_bytes()) {
                    source.consume('\u{feff}'.len_utf8());
                }
                Source::Jsonl { lines: source, line: Vec::new(), number: 0, checksum: crc32fast::Hasher::new() }
            }
            Format::Csv | Format::Shopify => Source::Rows(Box::new(rows::Products::new(source, format, shop)?)),
        };
        Ok(Self { source, format, shop, seen: Seen::default() })
    }

    /// The format that is read.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The next product; none at the end. Failures: the file cannot be read on.
    pub fn read(&mut self) -> Result<Option<Item>, Failure> {
        let (Parsed { handle, mut outcome }, checksum) = match &mut self.source {
            Source::Rows(rows) => match rows.read()? {
                Some(parsed) => (parsed, rows.checksum()),
                None => return Ok(None),
            },
            Source::Jsonl { lines, line, number, checksum } => {
                let length = loop {
                    *number += 1;
                    match jsonl::read_line(lines, line).map_err(read_failure)? {
                        None => return Ok(None),
                        Some(_) if line.trim_ascii().is_empty() => {}
                        Some(length) => break length,
                    }
                };
                checksum.update(line);
                (jsonl::parse(*number, line, length, self.shop), checksum.clone().finalize())
            }
        };
        if !handle.is_empty() && !self.seen.note(&handle) {
            outcome = Err(vec![duplicate(&handle, outcome)]);
        }
        Ok(Some(Item { outcome, checksum }))
    }
}

fn duplicate(handle: &str, outcome: Result<Draft, Vec<Reject>>) -> Reject {
    let (line, raw) = match outcome {
        Ok(draft) => (draft.row.line, draft.row.raw),
        Err(rejects) => rejects.into_iter().next().map_or((0, Arc::default()), |reject| (reject.line, reject.raw)),
    };
    let reason = format!("{handle} was there before; rows of a product follow each other");
    Reject { line, column: "handle".to_owned(), code: "DUPLICATE_HANDLE".into(), reason, raw }
}

/// The failure behind an error of the source. A body that is too large says so itself.
pub fn read_failure(error: io::Error) -> Failure {
    match error.downcast::<Failure>() {
        Ok(failure) => failure,
        Err(error) => {
            Failure::new(ErrorKind::Malformed, "SOURCE_UNREADABLE", format!("The file cannot be read: {error}"))
        }
    }
}
