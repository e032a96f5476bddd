-- The migration runner sets both timeouts.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout
-- Runs of the checkout: one a try to turn a cart into an order. Whoever holds the lease works on it; when a lease is
-- over, any instance may take it and go on.
CREATE TABLE checkouts (
    order_id UUID PRIMARY KEY REFERENCES orders (id) DEFERRABLE INITIALLY DEFERRED,
    cart_id UUID NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'undoing', 'placed', 'failed')),
    payment_session_id UUID NOT NULL,
    provider TEXT NOT NULL,
    provider_ref TEXT NOT NULL,
    -- Why it failed: what the customer is told. Set before anything is undone.
    blockers JSONB,
    void_payment BOOLEAN NOT NULL DEFAULT FALSE,
    -- When the stock reservation ends; after that nothing but undoing is left.
    expires_at TIMESTAMPTZ NOT NULL,
    lease_owner UUID NOT NULL,
    lease_until TIMESTAMPTZ NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT checkouts_blockers CHECK ((blockers IS NOT NULL) = (state IN ('undoing', 'failed')))
);
-- A cart has one run that is under way or succeeded.
CREATE UNIQUE INDEX idx_checkouts_cart_id ON checkouts (cart_id) WHERE state <> 'failed';
CREATE INDEX idx_checkouts_lease_until ON checkouts (lease_until) WHERE state IN ('running', 'undoing');
