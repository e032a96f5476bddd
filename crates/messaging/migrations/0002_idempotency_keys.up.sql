-- The migration runner sets both timeouts.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout
-- The first answer to each request that came with an Idempotency-Key. Key and request are kept as keyed hashes, the
-- answer is sealed: all three can hold what a person sent.
CREATE TABLE idempotency_keys (
    key_hash BYTEA PRIMARY KEY,
    operation TEXT NOT NULL,
    request_hash BYTEA NOT NULL,
    answer BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX idx_idempotency_keys_created_at ON idempotency_keys (created_at);
