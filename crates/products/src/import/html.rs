//! Descriptions that come as HTML, as text. What a reader sees is kept: words, paragraphs, list items, cells of a table.
//! The result is text and shown as such; nothing in it is markup any more.

/// Elements whose content nobody reads.
const UNSEEN: [&str; 4] = ["script", "style", "template", "head"];
/// Elements that end a line.
const LINES: [&str; 10] = ["br", "li", "tr", "dt", "dd", "div", "thead", "tbody", "section", "figure"];
/// Elements that a blank line sets apart.
const PARAGRAPHS: [&str; 13] =
    ["p", "ul", "ol", "dl", "table", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre"];

/// The text of an HTML fragment.
pub fn to_text(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        push_words(&mut text, &rest[..start]);
        rest = &rest[start..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
        } else if rest[1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!') {
            rest = tag(&mut text, rest);
        } else {
            // A plain "less than".
            push_words(&mut text, "<");
            rest = &rest[1..];
        }
    }
    push_words(&mut text, rest);
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// Deals with the tag that `html` begins with. Gives what follows it.
fn tag<'a>(text: &mut String, html: &'a str) -> &'a str {
    let Some(end) = end_of_tag(html) else { return "" };
    let (tag, after) = (&html[1..end], &html[end + 1..]);
    let closing = tag.starts_with('/');
    let name: String = tag
        .trim_start_matches('/')
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_lowercase();
    let name = name.as_str();
    if UNSEEN.contains(&name) && !closing {
        let close = format!("</{name}");
        let unseen = after.to_ascii_lowercase().find(&close);
        return unseen.map_or("", |at| &after[at..]);
    }
    if PARAGRAPHS.contains(&name) {
        break_line(text, 2);
    } else if LINES.contains(&name) && (!closing || name != "br") {
        break_line(text, 1);
    }
    if name == "li" && !closing {
        text.push_str("- ");
    }
    if matches!(name, "td" | "th") && closing {
        text.push(' ');
    }
    after
}

/// Where a tag ends: at the first `>` outside of quotes.
fn end_of_tag(html: &str) -> Option<usize> {
    let mut quote = None;
    for (at, letter) in html.char_indices() {
        match (quote, letter) {
            (None, '>') => return Some(at),
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), _) if open == letter => quote = None,
            _ => {}
        }
    }
    // A quote that is never closed: take the nearest end.
    html.find('>')
}

/// Adds text with its entities read and its white space drawn together, as a browser shows it.
fn push_words(text: &mut String, html: &str) {
    let mut spaced = html.starts_with(|c: char| c.is_ascii_whitespace());
    for word in html.split_ascii_whitespace() {
        if spaced && !text.is_empty() && !text.ends_with([' ', '\n']) {
            text.push(' ');
        }
        text.push_str(&html_escape::decode_html_entities(word).replace('\u{a0}', " "));
        spaced = true;
    }
    if html.ends_with(|c: char| c.is_ascii_whitespace()) && !text.is_empty() && !text.ends_with([' ', '\n']) {
        text.push(' ');
    }
}

/// Ends the line so that `breaks` line ends stand there; none at the beginning.
fn break_line(text: &mut String, breaks: usize) {
    while text.ends_with(' ') {
        text.pop();
    }
    if text.is_empty() {
        return;
    }
    let there = text.len() - text.trim_end_matches('\n').len();
    text.extend(std::iter::repeat_n('\n', breaks.saturating_sub(there)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_sees_the_same() {
        for (html, text) in [
            ("plain", "plain"),
            (
                "<p>One <b>solid</b>\n plank.</p><ul><li>A</li>\n<li>B &amp; C</li></ul><p>End</p>",
                "One solid plank.\n\n- A\n- B & C\n\nEnd",
            ),
            ("58&nbsp;HRC, 3 &lt; 4, caf&eacute; &#39;x&#x27;", "58 HRC, 3 < 4, café 'x'"),
            ("a<br>b<br/>c", "a\nb\nc"),
            ("<table><tr><td>1</td><td>2</td></tr><tr><td>3</td></tr></table>", "1 2\n3"),
            ("x<!-- no > one --><script>if (a > b) {}</script><style>p{}</style>y", "xy"),
            ("<a title=\"a > b\" href='x'>link</a> 2 < 3", "link 2 < 3"),
            ("<p", ""),
            ("", ""),
        ] {
            assert_eq!(to_text(html), text, "{html}");
        }
    }
}
