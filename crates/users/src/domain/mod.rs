//! What an account, an address and a session are. No SQL, no HTTP.

pub mod address;
pub mod email;
pub mod password;
pub mod role;
pub mod session;
pub mod user;

use kernel::FieldError;

/// Pattern of a text of one line that is not empty: some visible character, no control characters.
pub const LINE_PATTERN: &str = r"^[^\x00-\x1F\x7F-\x9F]*[^\s\x00-\x1F\x7F-\x9F][^\x00-\x1F\x7F-\x9F]*$";
/// Longest name of a person.
pub const MAX_NAME: usize = 100;
/// Pattern of a telephone number: digits, with the usual signs between them.
pub const PHONE_PATTERN: &str = r"^\+?[0-9][0-9 ().\-]{1,28}[0-9().\-]$";
/// Longest telephone number.
pub const MAX_PHONE: usize = 31;

/// Checks a text of one line; gives it without surrounding white space.
pub fn line(field: &str, text: &str, max: usize) -> Result<String, FieldError> {
    let text = kernel::text::clean(field, text, 1, max)?;
    if text.chars().any(char::is_control) {
        return Err(FieldError::new(field, "INVALID_CHARACTER", format!("{field} has a control character")));
    }
    Ok(text)
}

/// Checks a telephone number; gives it without surrounding white space.
pub fn phone(field: &str, text: &str) -> Result<String, FieldError> {
    let text = text.trim();
    let digits = text.strip_prefix('+').unwrap_or(text);
    let allowed = |c: char| c.is_ascii_digit() || matches!(c, ' ' | '(' | ')' | '.' | '-');
    if digits.starts_with(|c: char| c.is_ascii_digit())
        && (3..MAX_PHONE).contains(&digits.len())
        && digits.chars().all(allowed)
    {
        return Ok(text.to_owned());
    }
    let message =
        format!("{field} takes a telephone number: 3 to 30 digits, spaces, `(`, `)`, `.`, `-`, perhaps after a `+`");
    Err(FieldError::new(field, "INVALID_PHONE", message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A pattern without its anchors, which the generator does not know.
    fn bare(pattern: &'static str) -> &'static str {
        pattern.trim_matches(['^', '$'])
    }

    proptest! {
        // The published patterns and the checks say the same.
        #[test]
        fn the_patterns_tell_what_is_taken(number in bare(PHONE_PATTERN), text in bare(LINE_PATTERN)) {
            prop_assert!(phone("phone", &number).is_ok());
            prop_assert!(line("line1", &text, usize::MAX).is_ok());
        }
    }

    #[test]
    fn phones() {
        for good in ["110", "+49 30 901820", "030-12.5", "0 (30) 12"] {
            assert_eq!(phone("phone", good).as_deref(), Ok(good));
        }
        let (longest, too_long) = (format!("+{}", "1".repeat(30)), "1".repeat(31));
        assert!(phone("phone", &longest).is_ok());
        for bad in ["", "+", "12", "(030) 12", "++12345", "12a45", "1234\n5", "１２３４５", too_long.as_str()] {
            assert!(phone("phone", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn lines_are_trimmed_and_refused_with_control_characters() {
        assert_eq!(line("first_name", "  Ünal ", 100).unwrap(), "Ünal");
        for bad in ["", "   ", "a\0b", "a\nb", "a\u{9f}b"] {
            assert!(line("first_name", bad, 100).is_err(), "{bad:?}");
        }
        assert!(line("first_name", &"ü".repeat(100), 100).is_ok());
        assert!(line("first_name", &"ü".repeat(101), 100).is_err());
    }
}
