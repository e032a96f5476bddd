//! Event log, relay, inbox, consumers.
