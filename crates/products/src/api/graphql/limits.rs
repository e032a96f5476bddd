//! How large a document may be. Checked before it is validated: validation itself takes time that grows with the document,
//! and with spreads of fragments in fragments far faster than it.

use std::collections::HashMap;

use async_graphql::Name;
use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use kernel::{ErrorKind, Failure};

use crate::config::GraphqlConfig;

/// How deep brackets may nest: parsing recurses into them.
const MAX_NESTING: usize = 64;

fn refusal(code: &'static str, message: String) -> Failure {
    Failure::new(ErrorKind::Malformed, code, message)
}

/// Checks a document's text: how many tokens it has, and how deep its brackets nest.
pub(super) fn check_text(text: &str, config: &GraphqlConfig) -> Result<(), Failure> {
    let (mut tokens, mut nesting, mut deepest) = (0_usize, 0_usize, 0_usize);
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' | b',' => continue,
            b'#' => {
                rest = after_byte(rest, b'\n');
                continue;
            }
            b'"' => rest = after_string(rest),
            b'{' | b'(' | b'[' => {
                nesting += 1;
                deepest = deepest.max(nesting);
            }
            b'}' | b')' | b']' => nesting = nesting.saturating_sub(1),
            _ if is_word(byte) => {
                let length = rest.iter().take_while(|byte| is_word(**byte)).count();
                rest = &rest[length..];
            }
            _ => {}
        }
        tokens += 1;
    }
    if tokens > config.max_tokens {
        let message = format!("The document has more than {} tokens", config.max_tokens);
        return Err(refusal("QUERY_TOO_LARGE", message));
    }
    if deepest > MAX_NESTING {
        return Err(refusal("QUERY_TOO_DEEP", format!("Brackets nest deeper than {MAX_NESTING}")));
    }
    Ok(())
}

/// Bytes of names and numbers; those beyond ASCII too, so that such a word is one token.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn after_byte(text: &[u8], end: u8) -> &[u8] {
    text.iter().position(|byte| *byte == end).map_or(&[], |at| &text[at + 1..])
}

/// What follows a string whose first quote has been read.
fn after_string(text: &[u8]) -> &[u8] {
    if let Some(block) = text.strip_prefix(b"\"\"") {
        let mut rest = block;
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix(b"\\\"\"\"") {
                rest = after;
            } else if let Some(after) = rest.strip_prefix(b"\"\"\"") {
                return after;
            } else {
                rest = &rest[1..];
            }
        }
        return rest;
    }
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        match byte {
            b'"' | b'\n' => return after,
            b'\\' => rest = after.get(1..).unwrap_or_default(),
            _ => rest = after,
        }
    }
    rest
}

/// Checks a parsed document: aliases, and fields once all fragments are put in their places.
pub(super) fn check_document(document: &ExecutableDocument, config: &GraphqlConfig) -> Result<(), Failure> {
    let mut count = Count { document, fragments: HashMap::new(), aliases: 0 };
    let mut fields = 0_usize;
    for (_, operation) in document.operations.iter() {
        fields = fields.saturating_add(count.fields(&operation.node.selection_set.node)?);
    }
    for name in document.fragments.keys() {
        count.fragment(name)?;
    }
    if count.aliases > config.max_aliases {
        let message = format!("The document has more than {} aliases", config.max_aliases);
        return Err(refusal("QUERY_TOO_LARGE", message));
    }
    if fields > config.max_cost {
        return Err(refusal("QUERY_TOO_COSTLY", format!("The document asks for more than {} fields", config.max_cost)));
    }
    Ok(())
}

struct Count<'a> {
    document: &'a ExecutableDocument,
    /// Fields of each fragment; none while it is being counted.
    fragments: HashMap<&'a Name, Option<usize>>,
    aliases: usize,
}

impl<'a> Count<'a> {
    fn fields(&mut self, selections: &'a SelectionSet) -> Result<usize, Failure> {
        let mut fields = 0_usize;
        for selection in &selections.items {
            let more = match &selection.node {
                Selection::Field(field) => {
                    self.aliases += usize::from(field.node.alias.is_some());
                    self.fields(&field.node.selection_set.node)?.saturating_add(1)
                }
                Selection::InlineFragment(inline) => self.fields(&inline.node.selection_set.node)?,
                Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node)?,
            };
            fields = fields.saturating_add(more);
        }
        Ok(fields)
    }

    fn fragment(&mut self, name: &Name) -> Result<usize, Failure> {
        // One that is not there is told by validation.
        let Some((name, fragment)) = self.document.fragments.get_key_value(name) else { return Ok(0) };
        match self.fragments.get(name) {
            Some(Some(fields)) => return Ok(*fields),
            Some(None) => return Err(refusal("GRAPHQL_INVALID", format!("Fragment {name} contains itself"))),
            None => {}
        }
        self.fragments.insert(name, None);
        let fields = self.fields(&fragment.node.selection_set.node)?;
        self.fragments.insert(name, Some(fields));
        Ok(fields)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use async_graphql::parser::parse_query;

    use super::*;

    fn text(document: &str) -> Result<(), String> {
        check_text(document, &GraphqlConfig::default()).map_err(|failure| failure.code.into_owned())
    }

    fn document(document: &str) -> Result<(), String> {
        let parsed = parse_query(document).unwrap();
        check_document(&parsed, &GraphqlConfig::default()).map_err(|failure| failure.code.into_owned())
    }

    #[test]
    fn what_stands_in_strings_and_comments_does_not_count() {
        assert_eq!(text(&format!("{{ a(b: \"{}\") }}", "{".repeat(3000))), Ok(()));
        assert_eq!(text(&format!("{{ a(b: \"\"\"{}\"\"\") }}", "{ ".repeat(3000))), Ok(()));
        assert_eq!(text(&format!("# {}\n{{ a }}", "{ ".repeat(3000))), Ok(()));
        assert_eq!(text("{ a(b: \"\\\"{{\") }"), Ok(()));
    }

    #[test]
    fn too_many_tokens_and_too_deep_brackets_are_refused() {
        assert_eq!(text(&"a ".repeat(2001)), Err("QUERY_TOO_LARGE".into()));
        assert_eq!(text(&"{a".repeat(65)), Err("QUERY_TOO_DEEP".into()));
        assert_eq!(text(&format!("{{ a(b: {} ) }}", "[".repeat(65))), Err("QUERY_TOO_DEEP".into()));
    }

    #[test]
    fn fragments_that_multiply_are_refused_without_being_multiplied() {
        let mut bomb = "{ ...f0 }".to_owned();
        for level in 0..60 {
            write!(bomb, " fragment f{level} on Query {{ ...f{0} ...f{0} }}", level + 1).unwrap();
        }
        bomb.push_str(" fragment f60 on Query { a b }");
        assert_eq!(document(&bomb), Err("QUERY_TOO_COSTLY".into()));
    }

    #[test]
    fn a_fragment_in_itself_is_refused() {
        assert_eq!(
            document("{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }"),
            Err("GRAPHQL_INVALID".into())
        );
    }

    #[test]
    fn too_many_aliases_are_refused() {
        let mut many = String::new();
        for n in 0..31 {
            write!(many, "a{n}: b ").unwrap();
        }
        assert_eq!(document(&format!("{{ {many} }}")), Err("QUERY_TOO_LARGE".into()));
    }
}
