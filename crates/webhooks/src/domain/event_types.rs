//! What an endpoint wants to be told of.

use kernel::FieldError;

/// Entries that an endpoint may have.
pub const MAX_EVENT_TYPES: usize = 50;
/// Every kind.
const ALL: &str = "*";

/// Kinds and wildcards: `order.placed`, `order.*`, `*`. Never empty, without doubles, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventTypes(Vec<String>);

impl EventTypes {
    /// Checks what a caller sent against the registry of events.
    pub fn parse(field: &str, mut entries: Vec<String>) -> Result<Self, FieldError> {
        entries.sort();
        entries.dedup();
        if !(1..=MAX_EVENT_TYPES).contains(&entries.len()) {
            let message = format!("{field} takes 1 to {MAX_EVENT_TYPES} event types");
            return Err(FieldError::new(field, "OUT_OF_RANGE", message));
        }
        match entries.iter().find(|entry| !is_known(entry)) {
            Some(unknown) => {
                let unknown: String = unknown.chars().take(64).collect();
                let message = format!("`{unknown}` is no event type: name one, such as order.placed, or order.*, or *");
                Err(FieldError::new(field, "UNKNOWN_EVENT_TYPE", message))
            }
            None => Ok(Self(entries)),
        }
    }

    /// As they were stored.
    pub fn stored(entries: Vec<String>) -> Self {
        Self(entries)
    }

    /// The entries.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

fn is_known(entry: &str) -> bool {
    match entry.strip_suffix(".*") {
        Some(object) => events::REGISTRY.iter().any(|event| event.aggregate == object),
        None => entry == ALL || events::find(entry).is_some(),
    }
}

/// Every entry that an event of this kind matches.
pub fn matching(kind: &str) -> Vec<String> {
    let object = kind.split_once('.').map_or(kind, |(object, _)| object);
    vec![kind.to_owned(), format!("{object}.*"), ALL.to_owned()]
}

/// Every entry that can be asked for, for the API's document.
pub fn known() -> Vec<String> {
    let mut known = vec![ALL.to_owned()];
    for event in events::REGISTRY {
        let wildcard = format!("{}.*", event.aggregate);
        if !known.contains(&wildcard) {
            known.push(wildcard);
        }
        known.push(event.kind.to_owned());
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(entries: &[&str]) -> Result<Vec<String>, String> {
        let entries = entries.iter().map(|entry| (*entry).to_owned()).collect();
        let parsed = EventTypes::parse("event_types", entries);
        parsed.map(|types| types.0).map_err(|error| error.code.into_owned())
    }

    #[test]
    fn kinds_and_wildcards_of_the_registry_are_taken() {
        for entry in known() {
            assert_eq!(parse(&[&entry]), Ok(vec![entry]));
        }
        assert_eq!(parse(&["order.paid", "*", "order.paid"]), Ok(vec!["*".into(), "order.paid".into()]));
    }

    #[test]
    fn what_can_never_match_is_refused() {
        for entry in ["", "order", "order.", "order.plac*", "*.placed", "**", "cart.*", "order.placed ", ".*"] {
            assert_eq!(parse(&[entry]), Err("UNKNOWN_EVENT_TYPE".into()), "{entry}");
        }
        assert_eq!(parse(&[]), Err("OUT_OF_RANGE".into()));
    }

    #[test]
    fn every_kind_matches_itself_and_its_wildcards_alone() {
        assert_eq!(matching("order.placed"), ["order.placed", "order.*", "*"]);
        for event in events::REGISTRY {
            assert!(matching(event.kind).iter().all(|entry| is_known(entry)), "{}", event.kind);
        }
    }
}
