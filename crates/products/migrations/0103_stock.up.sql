-- The migration runner sets both timeouts.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout
-- Where stock lies. Orders are served from the default location first.
CREATE TABLE stock_locations (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    name TEXT NOT NULL CHECK (name <> ''),
    is_default BOOLEAN NOT NULL DEFAULT false,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
-- At most one default.
CREATE UNIQUE INDEX idx_stock_locations_default ON stock_locations (is_default) WHERE is_default;
INSERT INTO stock_locations (name, is_default) VALUES ('Main warehouse', true);

-- How much of a variant lies at a location, and how much of that is promised to orders. What can be sold is
-- on_hand - reserved. The hottest rows of the shop: no index covers a counter, and the fillfactor keeps updates on the page.
CREATE TABLE inventory_levels (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    variant_id UUID NOT NULL REFERENCES variants (id),
    location_id UUID NOT NULL REFERENCES stock_locations (id),
    on_hand BIGINT NOT NULL DEFAULT 0,
    reserved BIGINT NOT NULL DEFAULT 0,
    version BIGINT NOT NULL DEFAULT 1,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT inventory_levels_variant_location_key UNIQUE (variant_id, location_id),
    CONSTRAINT inventory_levels_no_oversell CHECK (on_hand >= reserved AND reserved >= 0)
) WITH (fillfactor = 70);
-- Index of the foreign key. The unique constraint above finds the levels of a variant.
CREATE INDEX idx_inventory_levels_location ON inventory_levels (location_id);

-- The ledger: one row for each change of a level's counters. Rows are only added; the sums of the deltas are the counters.
CREATE TABLE stock_movements (
    position BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    level_id UUID NOT NULL REFERENCES inventory_levels (id),
    kind TEXT NOT NULL CHECK (kind IN ('set', 'reserve', 'release', 'commit', 'import')),
    on_hand_delta BIGINT NOT NULL,
    reserved_delta BIGINT NOT NULL,
    order_id UUID,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
-- The ledger of one level, in order, and the foreign key.
CREATE INDEX idx_stock_movements_level ON stock_movements (level_id, position);

-- What is held for an order. A row in the state `released` without lines marks an order that gave up before it reserved.
CREATE TABLE reservations (
    order_id UUID PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('reserved', 'committed', 'released')),
    expires_at TIMESTAMPTZ NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
-- What the expiry job looks for: a range of the open ones, oldest first.
CREATE INDEX idx_reservations_open ON reservations (expires_at) WHERE state = 'reserved';

-- From which levels an order's stock comes.
CREATE TABLE reservation_lines (
    order_id UUID NOT NULL REFERENCES reservations (order_id),
    level_id UUID NOT NULL REFERENCES inventory_levels (id),
    quantity BIGINT NOT NULL CHECK (quantity > 0),
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT reservation_lines_pkey PRIMARY KEY (order_id, level_id)
);
-- Index of the foreign key; `doctor` sums the open lines of a level by it.
CREATE INDEX idx_reservation_lines_level ON reservation_lines (level_id);
