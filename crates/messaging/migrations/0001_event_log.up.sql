-- The migration runner sets both timeouts.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout
-- The log of everything that happened to this role's objects. Rows are only added; the relay alone sets `sequence`.
-- The object's version is the key: it says at once that two writers changed the same state of an object. `id` has no
-- index: nothing looks events up by it, and each index here is paid for by every change in the shop.
CREATE TABLE events (
    id UUID NOT NULL DEFAULT gen_random_uuid(),
    position BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY,
    sequence BIGINT,
    aggregate TEXT NOT NULL,
    aggregate_id UUID NOT NULL,
    version BIGINT NOT NULL CHECK (version > 0),
    kind TEXT NOT NULL,
    data JSONB NOT NULL,
    trace_parent TEXT,
    occurred_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT events_pkey PRIMARY KEY (aggregate_id, aggregate, version)
);

-- What the relay has not numbered yet.
CREATE INDEX idx_events_unsequenced ON events (position) WHERE sequence IS NULL;
-- What the relay has yet to publish, and what a reader catches up with.
CREATE UNIQUE INDEX idx_events_sequence ON events (sequence) WHERE sequence IS NOT NULL;

-- How far the relay has come: one row.
CREATE TABLE relay (
    id SMALLINT PRIMARY KEY DEFAULT 1 CHECK (id = 1), -- squawk-ignore prefer-bigint-over-smallint
    sequenced BIGINT NOT NULL DEFAULT 0,
    published BIGINT NOT NULL DEFAULT 0,
    CONSTRAINT relay_published_is_sequenced CHECK (published <= sequenced)
);
INSERT INTO relay DEFAULT VALUES;

-- Which events a consumer of this role has dealt with. Written in the consumer's own transaction.
CREATE TABLE inbox (
    consumer TEXT NOT NULL,
    event_id UUID NOT NULL,
    handled_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT inbox_pkey PRIMARY KEY (event_id, consumer)
);
CREATE INDEX idx_inbox_handled_at ON inbox (handled_at);

-- Events that a consumer of this role failed on, and those of the same object that came after.
CREATE TABLE dead_letters (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    consumer TEXT NOT NULL,
    event_id UUID NOT NULL,
    aggregate TEXT NOT NULL,
    aggregate_id UUID NOT NULL,
    version BIGINT NOT NULL,
    envelope JSONB NOT NULL,
    error TEXT NOT NULL,
    attempts INTEGER NOT NULL, -- squawk-ignore prefer-bigint-over-int
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT dead_letters_event_key UNIQUE (consumer, aggregate_id, aggregate, version)
);
