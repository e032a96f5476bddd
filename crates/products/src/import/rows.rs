//! What the two CSV formats share: rows of one handle after another make a product.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use csv::{ByteRecord, StringRecord};
use kernel::{Currency, ErrorKind, Failure, FieldError};

use super::draft::{self, Draft, Input, Row};
use super::{Format, Parsed, Reject, own_csv, shopify};

/// Longest row. Past it no row can be told from the next any more: most likely a quote was never closed.
const MAX_ROW: usize = 4 * 1024 * 1024;
/// Most rows and bytes of one product: more than its variants and images can need. What follows is read past.
const MAX_ROWS: usize = 2000;
const MAX_PRODUCT: usize = 8 * 1024 * 1024;

/// A row of the file.
#[derive(Debug)]
pub struct CsvRow {
    /// Its line, from 1.
    pub line: u64,
    /// Its cells. What is not UTF-8 in it is replaced.
    pub cells: StringRecord,
    /// The first cell that is not UTF-8.
    invalid: Option<usize>,
}

impl CsvRow {
    /// A cell's text, without the white space around it; none when it or its column is missing or blank.
    pub fn cell(&self, column: Option<usize>) -> Option<&str> {
        self.cells.get(column?).map(str::trim).filter(|text| !text.is_empty())
    }
}

/// Something wrong in a cell.
#[derive(Debug)]
pub struct Wrong {
    /// Which of the product's rows.
    pub row: usize,
    /// Which column, if it is one.
    pub column: Option<usize>,
    /// Stable code.
    pub code: &'static str,
    /// A sentence.
    pub reason: String,
}

/// What rows say of a product, and which rows said it.
#[derive(Debug, Default)]
pub struct Built {
    /// The product.
    pub input: Input,
    /// What could not be read.
    pub wrong: Vec<Wrong>,
    /// The row of each variant.
    pub variant_rows: Vec<usize>,
    /// The row of each image.
    pub image_rows: Vec<usize>,
}

impl Built {
    /// Reads a cell as a whole number.
    pub fn number(&mut self, rows: &[CsvRow], row: usize, column: Option<usize>) -> Option<i64> {
        let text = rows[row].cell(column)?;
        let number = text.parse().ok();
        if number.is_none() {
            self.wrong.push(Wrong {
                row,
                column,
                code: "INVALID_NUMBER",
                reason: format!("`{text}` is no whole number"),
            });
        }
        number
    }

    /// Reads a cell as yes or no.
    pub fn flag(&mut self, rows: &[CsvRow], row: usize, column: Option<usize>) -> Option<bool> {
        let text = rows[row].cell(column)?;
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Some(true),
            "false" | "no" | "0" => Some(false),
            _ => {
                let reason = format!("`{text}` is neither true nor false");
                self.wrong.push(Wrong { row, column, code: "INVALID_FLAG", reason });
                None
            }
        }
    }
}

/// The columns of a file, by format.
enum Columns {
    Own(own_csv::Columns),
    Shopify(Box<shopify::Columns>),
}

/// The products of a CSV.
pub struct Products<R> {
    csv: csv::Reader<Guarded<R>>,
    budget: Rc<Cell<usize>>,
    header: Vec<String>,
    columns: Columns,
    /// The first row of the next product.
    next: Option<CsvRow>,
    shop: Currency,
    checksum: crc32fast::Hasher,
}

/// Lets so many bytes through until it is refilled, so that no row is held without bound.
struct Guarded<R> {
    source: R,
    budget: Rc<Cell<usize>>,
}

impl<R: Read> Read for Guarded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = self.budget.get().min(buffer.len());
        if room == 0 {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "row"));
        }
        let read = self.source.read(&mut buffer[..room])?;
        self.budget.set(room_left(self.budget.get(), read));
        Ok(read)
    }
}

fn room_left(budget: usize, read: usize) -> usize {
    budget.saturating_sub(read)
}

impl<R: Read> Products<R> {
    /// Reads the header. Failures: 422 with what is wrong with it.
    pub fn new(source: R, format: Format, shop: Currency) -> Result<Self, Failure> {
        let budget = Rc::new(Cell::new(MAX_ROW));
        let guarded = Guarded { source, budget: Rc::clone(&budget) };
        let mut csv = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(guarded);
        let mut record = StringRecord::new();
        csv.read_record(&mut record).map_err(|error| failure(error, 1))?;
        let header: Vec<String> = record.iter().map(|name| name.trim().to_owned()).collect();
        let columns = match format {
            Format::Shopify => Columns::Shopify(Box::new(shopify::Columns::new(&header)?)),
            Format::Csv | Format::Jsonl => Columns::Own(own_csv::Columns::new(&header)?),
        };
        let checksum = crc32fast::Hasher::new();
        let mut products = Self { csv, budget, header, columns, next: None, shop, checksum };
        products.next = products.read_row()?;
        Ok(products)
    }

    /// A number that stands for all rows of the products given so far.
    pub fn checksum(&self) -> u32 {
        self.checksum.clone().finalize()
    }

    /// The next product with its handle, or what is wrong with it; none at the end.
    pub fn read(&mut self) -> Result<Option<Parsed>, Failure> {
        let Some(first) = self.next.take() else { return Ok(None) };
        let handle = self.handle(&first);
        let mut rows = vec![first];
        let mut bytes = 0;
        let mut beyond = None;
        loop {
            let row = self.read_row()?;
            match row {
                Some(row) if self.handle(&row) == handle => {
                    self.checksum.update(row.cells.as_slice().as_bytes());
                    bytes += row.cells.as_slice().len();
                    if rows.len() < MAX_ROWS && bytes < MAX_PRODUCT {
                        rows.push(row);
                    } else {
                        beyond.get_or_insert(row.line);
                    }
                }
                other => {
                    self.next = other;
                    break;
                }
            }
        }
        self.checksum.update(rows[0].cells.as_slice().as_bytes());
        let outcome = match beyond {
            None => self.draft(&rows),
            Some(line) => {
                let reason =
                    format!("the product goes on from row to row, past {MAX_ROWS} rows or {MAX_PRODUCT} bytes");
                Err(vec![Reject {
                    line,
                    column: String::new(),
                    code: "TOO_MANY_ROWS".into(),
                    reason,
                    raw: raw(&rows[0]).into(),
                }])
            }
        };
        Ok(Some(Parsed { handle, outcome }))
    }

    fn read_row(&mut self) -> Result<Option<CsvRow>, Failure> {
        self.budget.set(MAX_ROW);
        let mut record = ByteRecord::new();
        let more =
            self.csv.read_byte_record(&mut record).map_err(|error| failure(error, self.csv.position().line()))?;
        if !more {
            return Ok(None);
        }
        let line = record.position().map_or(0, csv::Position::line);
        let (cells, invalid) = match StringRecord::from_byte_record(record) {
            Ok(cells) => (cells, None),
            Err(error) => {
                let field = error.utf8_error().field();
                (StringRecord::from_byte_record_lossy(error.into_byte_record()), Some(field))
            }
        };
        Ok(Some(CsvRow { line, cells, invalid }))
    }

    fn handle(&self, row: &CsvRow) -> String {
        let column = match &self.columns {
            Columns::Own(columns) => columns.handle,
            Columns::Shopify(columns) => columns.handle,
        };
        row.cell(Some(column)).unwrap_or_default().to_owned()
    }

    fn draft(&self, rows: &[CsvRow]) -> Result<Draft, Vec<Reject>> {
        let mut wrong: Vec<Wrong> =
            rows.iter().enumerate().filter_map(|(row, read)| malformed(row, read, self.header.len())).collect();
        if wrong.is_empty() {
            let built = match &self.columns {
                Columns::Own(columns) => columns.build(rows),
                Columns::Shopify(columns) => columns.build(rows, self.shop),
            };
            let Built { input, wrong: unread, variant_rows, image_rows } = built;
            wrong = unread;
            match draft::check(input, self.shop) {
                Ok(draft) if wrong.is_empty() => return Ok(with_rows(draft, rows, &variant_rows)),
                Ok(_) => {}
                Err(errors) => {
                    wrong.extend(errors.into_iter().map(|error| self.locate(error, rows, &variant_rows, &image_rows)));
                }
            }
        }
        wrong.sort_by_key(|wrong| (wrong.row, wrong.column));
        Err(wrong.into_iter().map(|wrong| self.reject(wrong, rows)).collect())
    }

    /// Where a field such as `variants[2].sku` stands in the file.
    fn locate(&self, error: FieldError, rows: &[CsvRow], variant_rows: &[usize], image_rows: &[usize]) -> Wrong {
        let (list, index, rest) = split_path(&error.field);
        let row = match list {
            "variants" => variant_rows.get(index).copied(),
            "images" => image_rows.get(index).copied(),
            _ => None,
        };
        let row = row.unwrap_or(0);
        let column = match &self.columns {
            Columns::Own(columns) => columns.locate(rows, row, list, index, rest),
            Columns::Shopify(columns) => columns.locate(rows, list, index, rest),
        };
        // The code is one of our own, always borrowed; a code that came over a wire could not be kept for ever.
        let code = match error.code {
            std::borrow::Cow::Borrowed(code) => code,
            std::borrow::Cow::Owned(_) => "INVALID_VALUE",
        };
        Wrong { row, column, code, reason: error.message }
    }

    fn reject(&self, wrong: Wrong, rows: &[CsvRow]) -> Reject {
        let row = &rows[wrong.row];
        let column = wrong.column.and_then(|column| self.header.get(column)).cloned().unwrap_or_default();
        Reject { line: row.line, column, code: wrong.code.into(), reason: wrong.reason, raw: raw(row).into() }
    }
}

/// What makes a row unreadable as a whole.
fn malformed(row: usize, read: &CsvRow, columns: usize) -> Option<Wrong> {
    if let Some(column) = read.invalid {
        let reason = "the cell is not UTF-8".to_owned();
        return Some(Wrong { row, column: Some(column), code: "INVALID_ENCODING", reason });
    }
    let cells = read.cells.len();
    (cells != columns).then(|| {
        let reason = format!("the row has {cells} cells, the header has {columns}");
        Wrong { row, column: None, code: "WRONG_CELL_COUNT", reason }
    })
}

fn with_rows(mut draft: Draft, rows: &[CsvRow], variant_rows: &[usize]) -> Draft {
    let row = |row: usize| Row { line: rows[row].line, raw: raw(&rows[row]).into() };
    draft.row = row(0);
    for (variant, at) in draft.variants.iter_mut().zip(variant_rows) {
        variant.row = (*at > 0).then(|| row(*at));
    }
    draft
}

/// `variants[2].prices[0].amount` is (`variants`, 2, `prices[0].amount`); `name` is (`name`, 0, ``).
pub fn split_path(path: &str) -> (&str, usize, &str) {
    let end = path.find(['[', '.']).unwrap_or(path.len());
    let (name, rest) = path.split_at(end);
    let Some((index, rest)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) else {
        return (name, 0, rest.trim_start_matches('.'));
    };
    (name, index.parse().unwrap_or(0), rest.trim_start_matches('.'))
}

/// A row as CSV again.
fn raw(row: &CsvRow) -> String {
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    // Writing to memory cannot fail.
    let written = writer.write_record(&row.cells).ok().and_then(|()| writer.into_inner().ok()).unwrap_or_default();
    String::from_utf8_lossy(&written).trim_end().to_owned()
}

/// What ends an import: the rows that follow cannot be told apart, or cannot be read.
fn failure(error: csv::Error, line: u64) -> Failure {
    match error.into_kind() {
        csv::ErrorKind::Io(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            let message = format!("Line {line}: the row takes more than {MAX_ROW} bytes; is a quote not closed?");
            Failure::new(ErrorKind::Invalid, "ROW_TOO_LONG", message)
        }
        csv::ErrorKind::Io(error) => super::reader::read_failure(error),
        _ => Failure::new(ErrorKind::Invalid, "UNSUPPORTED_ENCODING", format!("Line {line}: the header is not UTF-8")),
    }
}
