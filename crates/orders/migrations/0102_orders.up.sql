-- The migration runner sets both timeouts.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout
-- Orders as read from their event log: every row here can be made again from the events of the aggregate "order".
-- Rows are written whole from the folded order, times included, so a rebuild gives the same rows.

CREATE SEQUENCE order_numbers AS BIGINT START 10001;

CREATE TABLE orders (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    version BIGINT NOT NULL,
    number BIGINT NOT NULL,
    cart_id UUID NOT NULL,
    user_id UUID,
    subject UUID NOT NULL,
    -- Sealed, in base64, as the log has it.
    contact TEXT,
    state TEXT NOT NULL CHECK (state IN ('pending', 'placed', 'cancelling', 'cancelled', 'fulfilled')),
    payment_state TEXT NOT NULL CHECK (payment_state IN ('none', 'authorised', 'paid', 'partially_refunded', 'refunded', 'voided')),
    fulfillment_state TEXT NOT NULL CHECK (fulfillment_state IN ('unfulfilled', 'partially_fulfilled', 'fulfilled')),
    currency TEXT NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    country TEXT NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
    prices_include_tax BOOLEAN NOT NULL,
    tax_name TEXT NOT NULL,
    tax_rate_bp BIGINT NOT NULL CHECK (tax_rate_bp BETWEEN 0 AND 10000),
    shipping_option TEXT NOT NULL,
    shipping_name TEXT NOT NULL,
    items_amount BIGINT NOT NULL CHECK (items_amount >= 0),
    shipping_amount BIGINT NOT NULL CHECK (shipping_amount >= 0),
    shipping_tax_amount BIGINT NOT NULL CHECK (shipping_tax_amount >= 0),
    tax_amount BIGINT NOT NULL CHECK (tax_amount >= 0),
    total_amount BIGINT NOT NULL CHECK (total_amount >= 0),
    cancel_reason TEXT,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    placed_at TIMESTAMPTZ,
    cancelled_at TIMESTAMPTZ,
    -- Since when a capture, refund or cancellation has been under way; the job that resumes them looks here.
    pending_since TIMESTAMPTZ,
    CONSTRAINT orders_total CHECK (
        total_amount = items_amount + shipping_amount + CASE WHEN prices_include_tax THEN 0 ELSE tax_amount END
    )
);
CREATE UNIQUE INDEX idx_orders_number ON orders (number);
-- A customer's orders, newest first; those that were never placed are not shown.
CREATE INDEX idx_orders_user_id ON orders (user_id, number DESC) WHERE placed_at IS NOT NULL;
-- Staff's list by state, newest first.
CREATE INDEX idx_orders_state ON orders (state, number DESC);
CREATE INDEX idx_orders_pending_since ON orders (pending_since) WHERE pending_since IS NOT NULL;

CREATE TABLE order_lines (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    order_id UUID NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    variant_id UUID NOT NULL,
    product_id UUID NOT NULL,
    sku TEXT NOT NULL,
    product_handle TEXT NOT NULL,
    product_name TEXT NOT NULL,
    variant_name TEXT NOT NULL,
    quantity BIGINT NOT NULL CHECK (quantity > 0),
    fulfilled_quantity BIGINT NOT NULL DEFAULT 0,
    currency TEXT NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    unit_amount BIGINT NOT NULL CHECK (unit_amount >= 0),
    amount BIGINT NOT NULL,
    tax_amount BIGINT NOT NULL CHECK (tax_amount >= 0),
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT order_lines_amount CHECK (amount = unit_amount * quantity),
    CONSTRAINT order_lines_fulfilled CHECK (fulfilled_quantity BETWEEN 0 AND quantity)
);
CREATE UNIQUE INDEX idx_order_lines_order_id ON order_lines (order_id, position);

CREATE TABLE payments (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    order_id UUID NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    provider TEXT NOT NULL,
    provider_ref TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('authorised', 'capturing', 'captured', 'voided')),
    currency TEXT NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount BIGINT NOT NULL CHECK (amount >= 0),
    captured_amount BIGINT NOT NULL DEFAULT 0,
    -- What refunds took or have reserved.
    refunded_amount BIGINT NOT NULL DEFAULT 0,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT payments_captured CHECK (captured_amount BETWEEN 0 AND amount),
    CONSTRAINT payments_refunded CHECK (refunded_amount BETWEEN 0 AND captured_amount)
);
CREATE INDEX idx_payments_order_id ON payments (order_id);
-- One payment of a provider pays for one order.
CREATE UNIQUE INDEX idx_payments_provider_ref ON payments (provider, provider_ref);

CREATE TABLE refunds (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    order_id UUID NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    payment_id UUID NOT NULL REFERENCES payments (id) ON DELETE CASCADE,
    state TEXT NOT NULL CHECK (state IN ('pending', 'succeeded', 'failed')),
    currency TEXT NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount BIGINT NOT NULL CHECK (amount > 0),
    tax_amount BIGINT NOT NULL CHECK (tax_amount BETWEEN 0 AND amount),
    reason TEXT,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX idx_refunds_order_id ON refunds (order_id);
CREATE INDEX idx_refunds_payment_id ON refunds (payment_id);

CREATE TABLE fulfillments (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    order_id UUID NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    lines JSONB NOT NULL,
    tracking_company TEXT,
    tracking_number TEXT,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX idx_fulfillments_order_id ON fulfillments (order_id);
