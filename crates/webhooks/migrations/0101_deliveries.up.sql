-- The migration runner sets both timeouts.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout
-- One event on its way to one endpoint.
CREATE TABLE deliveries (
    -- The message's id at the receiver, the same at every attempt.
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    endpoint_id UUID NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    event_id UUID NOT NULL,
    kind TEXT NOT NULL,
    aggregate TEXT NOT NULL,
    aggregate_id UUID NOT NULL,
    version BIGINT NOT NULL,
    -- What is sent, byte for byte.
    body TEXT NOT NULL,
    -- pending: the oldest of its object that is not done; parked: waits for that one.
    status TEXT NOT NULL CHECK (status IN ('pending', 'parked', 'delivered', 'failed')),
    -- Attempts since it was made or last asked for again.
    attempts INTEGER NOT NULL DEFAULT 0, -- squawk-ignore prefer-bigint-over-int
    -- When a pending one is due. While somebody sends it: when that somebody counts as gone.
    next_attempt_at TIMESTAMPTZ NOT NULL,
    -- Who sends it just now.
    lease UUID,
    -- When the receiver took it.
    delivered_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT deliveries_event_key UNIQUE (endpoint_id, event_id),
    CONSTRAINT deliveries_lease_is_pending CHECK (lease IS NULL OR status = 'pending')
);

-- What an endpoint is to be sent next.
CREATE INDEX idx_deliveries_due ON deliveries (endpoint_id, next_attempt_at) WHERE status = 'pending';
-- What waits for an object at an endpoint, in the object's order.
CREATE INDEX idx_deliveries_lane ON deliveries (endpoint_id, aggregate_id, aggregate, version)
WHERE status IN ('pending', 'parked');
-- Staff list deliveries from the newest on: all, an endpoint's, an object's, those that failed. The job that deletes
-- old ones goes by the first, too.
CREATE INDEX idx_deliveries_created_at ON deliveries (created_at DESC, id DESC);
CREATE INDEX idx_deliveries_endpoint ON deliveries (endpoint_id, created_at DESC, id DESC);
CREATE INDEX idx_deliveries_object ON deliveries (aggregate_id, created_at DESC, id DESC);
CREATE INDEX idx_deliveries_failed ON deliveries (created_at DESC, id DESC) WHERE status = 'failed';

-- What came of each try.
CREATE TABLE attempts (
    delivery_id UUID NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    -- 1, 2, 3, … over the delivery's whole life.
    number INTEGER NOT NULL CHECK (number >= 1), -- squawk-ignore prefer-bigint-over-int
    -- The status that the receiver answered with.
    http_status INTEGER, -- squawk-ignore prefer-bigint-over-int
    -- Why there was no answer, as a code.
    error TEXT,
    duration_ms BIGINT NOT NULL CHECK (duration_ms >= 0),
    -- The beginning of the receiver's answer.
    answer TEXT,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT attempts_pkey PRIMARY KEY (delivery_id, number),
    CONSTRAINT attempts_answer_or_error CHECK ((http_status IS NULL) <> (error IS NULL))
);
