-- The migration runner sets both timeouts.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout
-- Where a merchant's systems are told of events.
CREATE TABLE endpoints (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    url TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    -- Kinds such as order.placed, and wildcards: order.*, *.
    event_types TEXT [] NOT NULL CHECK (cardinality(event_types) > 0),
    status TEXT NOT NULL DEFAULT 'enabled' CHECK (status IN ('enabled', 'disabled')),
    -- Who or what disabled it.
    disabled_reason TEXT CHECK (disabled_reason IN ('REQUESTED', 'FAILING', 'GONE')),
    -- The first failed attempt since the last good one.
    failing_since TIMESTAMPTZ,
    version BIGINT NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    deleted_at TIMESTAMPTZ,
    CONSTRAINT endpoints_disabled_for_a_reason CHECK ((status = 'disabled') = (disabled_reason IS NOT NULL))
);

-- Staff list endpoints from the newest on.
CREATE INDEX idx_endpoints_created_at ON endpoints (created_at DESC, id DESC) WHERE deleted_at IS NULL;

-- What signs an endpoint's messages: one secret, and for a while after a rotation the one before.
CREATE TABLE endpoint_secrets (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    endpoint_id UUID NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    kek_id TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    -- NULL: the one that stays.
    expires_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE INDEX idx_endpoint_secrets_endpoint ON endpoint_secrets (endpoint_id);
CREATE UNIQUE INDEX idx_endpoint_secrets_current ON endpoint_secrets (endpoint_id) WHERE expires_at IS NULL;
-- Rotation of key-encryption keys goes through the secrets that are still under an old one.
CREATE INDEX idx_endpoint_secrets_kek ON endpoint_secrets (kek_id, id);
