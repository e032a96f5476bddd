//! Which formats there are, and how one is told from another.

use kernel::{ErrorKind, Failure};

/// A format of catalogs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// One product a line, as JSON.
    Jsonl,
    /// One variant a row, in Tradepost's columns.
    Csv,
    /// The product CSV that Shopify exports.
    Shopify,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::Jsonl, Self::Csv, Self::Shopify];

    /// The name in commands and addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Shopify => "shopify",
        }
    }

    /// The format of this name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }

    /// How rejects name a field of a product or a variant.
    pub fn column(self, field: &'static str) -> &'static str {
        match (self, field) {
            (Self::Shopify, "name") => "Title",
            (Self::Shopify, "sku") => "Variant SKU",
            (Self::Shopify, "inventory") => "Variant Inventory Qty",
            (_, field) => field,
        }
    }

    /// The format of a file that begins like this. Failure: 422 `UNKNOWN_FORMAT`, `UNSUPPORTED_ENCODING`.
    pub fn detect(start: &[u8]) -> Result<Self, Failure> {
        refuse_utf16(start)?;
        let text = String::from_utf8_lossy(start);
        let text = text.trim_start_matches('\u{feff}').trim_start();
        let header = text.lines().next().unwrap_or_default().to_lowercase();
        let has = |names: &[&str]| header.split(',').any(|cell| names.contains(&cell.trim().trim_matches('"')));
        if text.starts_with('{') {
            Ok(Self::Jsonl)
        } else if has(&["handle", "url handle"]) && has(&["title", "variant sku", "variant price"]) {
            Ok(Self::Shopify)
        } else if has(&["handle"]) {
            Ok(Self::Csv)
        } else {
            let message =
                "The file is neither JSON lines nor a CSV whose first line names the column `handle` or `Handle`";
            Err(Failure::new(ErrorKind::Invalid, "UNKNOWN_FORMAT", message))
        }
    }
}

/// Files of some spreadsheets begin with the mark of UTF-16.
pub fn refuse_utf16(start: &[u8]) -> Result<(), Failure> {
    if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
        let message = "Line 1: the file is UTF-16; save it as UTF-8";
        return Err(Failure::new(ErrorKind::Invalid, "UNSUPPORTED_ENCODING", message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_told_by_how_the_file_begins() {
        let told = |start: &str| Format::detect(start.as_bytes()).map_err(|failure| failure.code.into_owned());
        assert_eq!(told("\u{feff} \n{\"handle\":"), Ok(Format::Jsonl));
        assert_eq!(told("Handle,Title,Body (HTML)\n"), Ok(Format::Shopify));
        assert_eq!(told("\"Title\",\"URL handle\"\r\n"), Ok(Format::Shopify));
        assert_eq!(told("\u{feff}handle,sku,name\n"), Ok(Format::Csv));
        for other in ["", "PK\u{3}\u{4}", "[1]", "sku;name\n"] {
            assert_eq!(told(other), Err("UNKNOWN_FORMAT".to_owned()), "{other:?}");
        }
        assert_eq!(Format::detect(b"\xff\xfeh\0").unwrap_err().code, "UNSUPPORTED_ENCODING");
    }
}
