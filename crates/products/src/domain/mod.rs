//! What a catalog and its stock are, and which values they take. Pure: no I/O.

pub mod category;
pub mod listing;
pub mod product;
pub mod stock;
pub mod variant;

pub use category::{Category, CategoryTree};
pub use product::{Image, Product};
pub use stock::{Level, LevelChange, Location, MovementKind};
pub use variant::{Price, Variant};

use kernel::FieldError;

/// Most characters of a slug.
pub const MAX_SLUG: usize = 200;
/// Most characters of a name.
pub const MAX_NAME: usize = 200;

/// A slug: letters, digits, `-` and `_`, in lower case, so that it can stand in an address as it is.
pub fn slug(field: &str, text: &str) -> Result<String, FieldError> {
    let slug = kernel::text::clean(field, text, 1, MAX_SLUG)?;
    let fits = |c: char| (c.is_alphanumeric() && !c.is_uppercase()) || c == '-' || c == '_';
    if slug.chars().all(fits) {
        return Ok(slug);
    }
    Err(FieldError::new(field, "INVALID_SLUG", format!("{field} takes lower-case letters, digits, - and _")))
}

/// The slug that a name suggests: `Oak Bread Board` becomes `oak-bread-board`. Empty when the name has no letters.
pub fn slug_of(name: &str) -> String {
    let lower = name.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").chars().take(MAX_SLUG).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_suggests_a_slug_that_is_valid() {
        for (name, expected) in [
            ("Oak Bread Board", "oak-bread-board"),
            ("  Chef's Knife 20 cm! ", "chef-s-knife-20-cm"),
            ("Größe", "größe"),
        ] {
            assert_eq!(slug_of(name), expected);
            assert_eq!(slug("slug", expected), Ok(expected.to_owned()));
        }
        assert_eq!(slug_of("!?"), "");
    }

    #[test]
    fn what_cannot_stand_in_an_address_is_no_slug() {
        for text in ["", "Upper", "a b", "a/b", "a?b", "a\0b", &"x".repeat(201)] {
            assert!(slug("slug", text).is_err(), "{text:?}");
        }
    }
}
