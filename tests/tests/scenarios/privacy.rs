//! No personal data outside of the process.
