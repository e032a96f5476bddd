-- The migration runner sets both timeouts.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout
-- An import of products: how far it has come and what became of each product so far. Written in the transaction of each
-- batch, so an import that ended half way goes on after the last product that is in the catalog. `checksum` stands for
-- the source up to there: another file of the same name is told by it.
CREATE TABLE product_imports (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    source TEXT NOT NULL CHECK (source <> ''),
    format TEXT NOT NULL CHECK (format IN ('jsonl', 'csv', 'shopify')),
    state TEXT NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'stopped', 'finished', 'failed')),
    position BIGINT NOT NULL DEFAULT 0,
    checksum BIGINT NOT NULL DEFAULT 0,
    created BIGINT NOT NULL DEFAULT 0,
    updated BIGINT NOT NULL DEFAULT 0,
    unchanged BIGINT NOT NULL DEFAULT 0,
    rejected BIGINT NOT NULL DEFAULT 0,
    rejects BIGINT NOT NULL DEFAULT 0,
    failure TEXT,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
-- What of a source is still to be done: the newest one row of an index scan.
CREATE INDEX idx_product_imports_open ON product_imports (source, created_at) WHERE state IN ('running', 'stopped');

-- The first rows that an import refused, in order. The primary key reads them.
CREATE TABLE product_import_rejects (
    import_id UUID NOT NULL REFERENCES product_imports (id),
    position BIGINT NOT NULL,
    line BIGINT NOT NULL,
    field TEXT NOT NULL,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT product_import_rejects_pkey PRIMARY KEY (import_id, position)
);
