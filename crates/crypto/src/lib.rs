//! Keyring, field encryption, blind index, tokens.
