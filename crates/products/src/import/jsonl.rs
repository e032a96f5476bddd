//! JSON lines: one product a line, in the form of [`Input`].

use std::io::{self, BufRead};
use std::sync::Arc;

use kernel::Currency;

use super::draft::{self, Draft, Input, Row};
use super::{Parsed, Reject};

/// Longest line. A longer one is refused, and read past without being held.
pub const MAX_LINE: usize = 4 * 1024 * 1024;
/// As much of a line that was too long or no text is shown in its reject.
const SHOWN: usize = 200;

/// Reads the next line into `line`, without its end, up to [`MAX_LINE`]. Gives how long it was; none at the end.
pub fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Option<usize>> {
    line.clear();
    let mut length = 0;
    loop {
        let buffer = match reader.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        if buffer.is_empty() {
            return Ok((length > 0).then_some(length));
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let part = &buffer[..end.unwrap_or(buffer.len())];
        let room = MAX_LINE.saturating_sub(line.len()).min(part.len());
        line.extend_from_slice(&part[..room]);
        length += part.len() + usize::from(end.is_some());
        let consumed = part.len() + usize::from(end.is_some());
        reader.consume(consumed);
        if end.is_some() {
            return Ok(Some(length));
        }
    }
}

/// A line as a product.
pub fn parse(number: u64, line: &[u8], length: usize, shop: Currency) -> Parsed {
    let unread = |column: String, code: &'static str, reason: String, raw: String| {
        let reject = Reject { line: number, column, code: code.into(), reason, raw: raw.into() };
        Parsed { handle: String::new(), outcome: Err(vec![reject]) }
    };
    let shown = || String::from_utf8_lossy(&line[..line.len().min(SHOWN)]).into_owned();
    if length > MAX_LINE {
        return unread(String::new(), "ROW_TOO_LONG", format!("a line takes at most {MAX_LINE} bytes"), shown());
    }
    let text = match std::str::from_utf8(line) {
        Ok(text) => text.trim_end(),
        Err(error) => {
            let reason = format!("not UTF-8 at byte {} of the line", error.valid_up_to() + 1);
            return unread(String::new(), "INVALID_ENCODING", reason, shown());
        }
    };
    let input: Input = match serde_json::from_str(text) {
        Ok(input) => input,
        Err(error) => {
            let code = if error.is_data() { "INVALID_VALUE" } else { "MALFORMED_JSON" };
            let sentence = error.to_string();
            let reason = sentence.split(" at line ").next().unwrap_or_default().to_owned();
            return unread(format!("character {}", error.column()), code, reason, text.to_owned());
        }
    };
    let handle = input.handle.clone();
    let row = Row { line: number, raw: text.into() };
    let outcome = match draft::check(input, shop) {
        Ok(draft) => Ok(Draft { row, ..draft }),
        Err(errors) => Err(errors
            .into_iter()
            .map(|error| Reject {
                line: number,
                column: error.field,
                code: error.code,
                reason: error.message,
                raw: Arc::clone(&row.raw),
            })
            .collect()),
    };
    Parsed { handle, outcome }
}
