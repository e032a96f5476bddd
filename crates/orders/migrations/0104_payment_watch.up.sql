-- The migration runner sets both timeouts.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout
-- A session outlives its cart where the provider lets the customer promise money without asking us: until it is certain that
-- the promise became an order or was given back, somebody looks.
-- Nobody relies on the constraint: sessions that are left are looked at by the job.
-- squawk-ignore ban-drop-constraint
ALTER TABLE payment_sessions DROP CONSTRAINT payment_sessions_cart_id_fkey;
-- When to ask the provider next; none: nothing can come of it any more.
ALTER TABLE payment_sessions ADD COLUMN look_at TIMESTAMPTZ;
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX idx_payment_sessions_look_at ON payment_sessions (look_at) WHERE look_at IS NOT NULL;

-- What providers told us of: one row an event of theirs, so that one that comes twice is known. Nothing of its content is
-- kept. It says where to look, and what is true is asked from the provider.
CREATE TABLE payment_notices (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    provider TEXT NOT NULL,
    event_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    provider_ref TEXT NOT NULL,
    -- How often it was looked at, and when to do it next; none: it is seen to.
    attempts BIGINT NOT NULL DEFAULT 0,
    next_try_at TIMESTAMPTZ DEFAULT now(),
    -- In what our books differ from the provider's, for staff to settle.
    difference TEXT,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX idx_payment_notices_event_id ON payment_notices (provider, event_id);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX idx_payment_notices_next_try_at ON payment_notices (next_try_at) WHERE next_try_at IS NOT NULL;
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX idx_payment_notices_provider_ref ON payment_notices (provider, provider_ref);
-- The job that removes old ones.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX idx_payment_notices_created_at ON payment_notices (created_at) WHERE next_try_at IS NULL;
