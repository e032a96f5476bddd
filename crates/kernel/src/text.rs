//! Rules for text that comes from outside.

use crate::failure::FieldError;

/// Checks a text: length in characters within `min..=max`, no control characters but tab and newline.
///
/// NUL in particular cannot be stored by PostgreSQL. Returns the text without surrounding white space.
pub fn clean(field: &str, text: &str, min: usize, max: usize) -> Result<String, FieldError> {
    let text = text.trim();
    let length = text.chars().count();
    if text.chars().any(|c| c.is_control() && c != '\n' && c != '\r' && c != '\t') {
        return Err(FieldError::new(field, "INVALID_CHARACTER", format!("{field} has a control character")));
    }
    if length < min {
        let message =
            if min == 1 { format!("{field} is empty") } else { format!("{field} takes at least {min} characters") };
        return Err(FieldError::new(field, "TOO_SHORT", message));
    }
    if length > max {
        return Err(FieldError::new(field, "TOO_LONG", format!("{field} takes at most {max} characters")));
    }
    Ok(text.to_owned())
}

/// Gathers field errors, so that the caller learns of all at once.
#[derive(Debug, Default)]
pub struct Checks(Vec<FieldError>);

impl Checks {
    /// Nothing found wrong yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps the error, if it is one, and gives the value else.
    pub fn take<T>(&mut self, checked: Result<T, FieldError>) -> Option<T> {
        checked.map_err(|error| self.0.push(error)).ok()
    }

    /// Notes an error unless `holds`.
    pub fn require(&mut self, holds: bool, field: &str, code: &'static str, message: impl Into<String>) {
        if !holds {
            self.0.push(FieldError::new(field, code, message));
        }
    }

    /// 422 `VALIDATION_FAILED` with every field, for where a value is missing because it was wrong.
    pub fn into_failure(self) -> crate::Failure {
        crate::Failure::invalid(self.0)
    }

    /// All well, or 422 `VALIDATION_FAILED` with every field.
    pub fn finish(self) -> Result<(), crate::Failure> {
        if self.0.is_empty() { Ok(()) } else { Err(crate::Failure::invalid(self.0)) }
    }
}
