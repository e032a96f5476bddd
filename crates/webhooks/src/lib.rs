//! The webhooks role: merchants' endpoints, and the signed delivery of every event to them.
