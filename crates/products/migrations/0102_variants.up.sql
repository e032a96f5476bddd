-- The migration runner sets both timeouts.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout
-- What a customer buys: one choice of a product's options.
CREATE TABLE variants (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    product_id UUID NOT NULL REFERENCES products (id),
    sku TEXT NOT NULL CHECK (sku <> ''),
    name TEXT NOT NULL CHECK (name <> ''),
    options JSONB NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(options) = 'object'),
    weight_grams BIGINT NOT NULL DEFAULT 0 CHECK (weight_grams BETWEEN 0 AND 2147483647),
    position BIGINT NOT NULL DEFAULT 0,
    version BIGINT NOT NULL DEFAULT 1,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    deleted_at TIMESTAMPTZ
);

-- One live variant per SKU; the import finds variants by it.
CREATE UNIQUE INDEX idx_variants_sku ON variants (sku) WHERE deleted_at IS NULL;
-- Variants of a page of products, in order.
CREATE INDEX idx_variants_product ON variants (product_id, position, id);

-- What a variant costs, per currency, in minor units. The primary key finds the prices of a page of variants.
CREATE TABLE variant_prices (
    variant_id UUID NOT NULL REFERENCES variants (id),
    currency TEXT NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount BIGINT NOT NULL CHECK (amount BETWEEN 0 AND 1000000000000),
    compare_at BIGINT CHECK (compare_at BETWEEN 0 AND 1000000000000),
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT variant_prices_pkey PRIMARY KEY (variant_id, currency)
);
