-- The migration runner sets both timeouts.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout
-- Data keys: one for every person whose data this role keeps. The subject is the user's id, or the cart's for a guest.
-- Erasing a person takes the key away and leaves the mark, so that none is made again.
CREATE TABLE data_keys (
    subject UUID PRIMARY KEY,
    kek_id TEXT,
    wrapped_key BYTEA,
    destroyed_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT data_keys_whole CHECK ((wrapped_key IS NULL) = (destroyed_at IS NOT NULL) AND (kek_id IS NULL) = (wrapped_key IS NULL))
);

-- A cart is read and changed as a whole under its version, so its lines live in the row: one read, one write a change.
-- The id of a guest's cart is random (a capability). `contact` is e-mail and addresses, sealed under the data key of
-- `subject`.
CREATE TABLE carts (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    version BIGINT NOT NULL DEFAULT 1,
    state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'completing', 'completed')),
    user_id UUID,
    subject UUID NOT NULL,
    currency TEXT NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    contact BYTEA,
    lines JSONB NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(lines) = 'array'),
    shipping_option TEXT,
    payment_session_id UUID,
    order_id UUID,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT carts_order CHECK ((state = 'open') = (order_id IS NULL))
);
-- Open carts nobody touched: the job that expires them goes from the oldest on.
CREATE INDEX idx_carts_open_updated_at ON carts (updated_at) WHERE state = 'open';
-- A deleted user's open carts.
CREATE INDEX idx_carts_user_id ON carts (user_id) WHERE user_id IS NOT NULL AND state = 'open';

-- What a payment provider prepared for a cart, over the total that the customer was shown.
CREATE TABLE payment_sessions (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    cart_id UUID NOT NULL REFERENCES carts (id) ON DELETE CASCADE,
    provider TEXT NOT NULL,
    provider_ref TEXT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount >= 0),
    currency TEXT NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    client_data JSONB NOT NULL DEFAULT '{}',
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX idx_payment_sessions_cart_id ON payment_sessions (cart_id);
CREATE UNIQUE INDEX idx_payment_sessions_provider_ref ON payment_sessions (provider, provider_ref);
