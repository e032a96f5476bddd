//! Whether a GraphQL request only reads.

use serde::Deserialize;

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    query: std::borrow::Cow<'a, str>,
}

/// Whether the body of a POST holds queries alone. In doubt it does not: then it is just not repeated.
pub fn only_reads(body: &[u8]) -> bool {
    serde_json::from_slice::<Request<'_>>(body).is_ok_and(|request| document_only_reads(&request.query))
}

/// Looks at the words between the definitions: `mutation` stands there if the document has one. Words in braces,
/// strings and comments are passed over.
fn document_only_reads(document: &str) -> bool {
    let bytes = document.as_bytes();
    let (mut at, mut depth) = (0, 0_i32);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'#' => at += bytes[at..].iter().take_while(|b| !matches!(b, b'\n' | b'\r')).count(),
            b'"' => match end_of_string(&bytes[at..]) {
                Some(length) => at += length,
                None => return false,
            },
            b'{' | b'(' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b')' | b']' => {
                depth -= 1;
                at += 1;
            }
            b if b.is_ascii_alphabetic() || b == b'_' => {
                let length = bytes[at..].iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
                if depth <= 0 && matches!(&bytes[at..at + length], b"mutation" | b"subscription") {
                    return false;
                }
                at += length;
            }
            _ => at += 1,
        }
    }
    depth == 0
}

/// How many bytes the string at the start has; None if it does not end.
fn end_of_string(bytes: &[u8]) -> Option<usize> {
    if bytes.starts_with(br#"""""#) {
        let mut at = 3;
        loop {
            let rest = bytes.get(at..)?;
            if rest.starts_with(br#"\""""#) {
                at += 4;
            } else if rest.starts_with(br#"""""#) {
                return Some(at + 3);
            } else if rest.is_empty() {
                return None;
            } else {
                at += 1;
            }
        }
    }
    let mut at = 1;
    loop {
        match bytes.get(at)? {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            b'\n' | b'\r' => return None,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(document: &str) -> bool {
        only_reads(serde_json::json!({ "query": document, "variables": { "mutation": 1 } }).to_string().as_bytes())
    }

    #[test]
    fn queries_read() {
        for document in [
            "{ product(id: 1) { name } }",
            "query Hats($slug: String!) { product(slug: $slug) { name } }",
            "# a mutation\nquery { a(text: \"} mutation {\") }",
            "query { mutation: products { id } } fragment F on Product { id }",
            "query { a(text: \"\"\" } mutation \\\"\"\" { \"\"\") }",
            "query { a(text: \"\\\"} mutation {\") }",
        ] {
            assert!(reads(document), "{document}");
        }
    }

    #[test]
    fn what_may_change_something_does_not() {
        for document in [
            "mutation { deleteProduct(id: 1) { ok } }",
            "query A { a } mutation B { b }",
            "query A { a(text: \"x\") }mutation B{ b }",
            "query A { a(text: \"\"\"x\"\"\") } # query\n mutation B { b }",
            "query { a(text: \"open }",
            "query { a } }",
            "subscription { a }",
        ] {
            assert!(!reads(document), "{document}");
        }
        assert!(!only_reads(b"[]"));
        assert!(!only_reads(br#"{"query": "{ a }", "query": "mutation { a }"}"#));
    }
}
