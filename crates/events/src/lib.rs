//! Event payloads, the envelope and the registry.
