-- The migration runner sets both timeouts.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout
-- What the shop lists. `price` and `inventory_count` are the listing's figures: the lowest price of a live variant in the
-- shop's currency (NULL: not sold in it), and the units of live variants that can be sold. They are written in the
-- transaction that changes the variant's. The truth for money is variant_prices, in minor units.
-- The fillfactor leaves room on the page, so that a change of stock (no indexed column) needs no new index entries.
CREATE TABLE products (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    slug TEXT NOT NULL CHECK (slug <> ''),
    name TEXT NOT NULL CHECK (name <> ''),
    description TEXT NOT NULL DEFAULT '',
    price DECIMAL(10, 2) CHECK (price >= 0),
    category_id UUID REFERENCES categories (id),
    inventory_count BIGINT NOT NULL DEFAULT 0 CHECK (inventory_count >= 0),
    is_active BOOLEAN NOT NULL DEFAULT true,
    tags TEXT[] NOT NULL DEFAULT '{}',
    options TEXT[] NOT NULL DEFAULT '{}',
    version BIGINT NOT NULL DEFAULT 1,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    deleted_at TIMESTAMPTZ,
    search TSVECTOR NOT NULL GENERATED ALWAYS AS (
        setweight(to_tsvector('english', name), 'A') || setweight(to_tsvector('english', description), 'B')
    ) STORED
) WITH (fillfactor = 90);

-- One live product per slug; `product(slug)` is one probe of it.
CREATE UNIQUE INDEX idx_products_slug ON products (slug) WHERE deleted_at IS NULL;
-- Category page by price. Per category of the subtree one index scan stops after a page of rows:
--   Nested Loop -> CTE Scan on subtree -> Limit -> Index Scan using idx_products_category (category_id = c, price >= x)
-- Also the index of the foreign key.
CREATE INDEX idx_products_category ON products (category_id, price, id) WHERE deleted_at IS NULL;
-- The same page by newest and by name.
CREATE INDEX idx_products_category_newest ON products (category_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX idx_products_category_name ON products (category_id, name, id) WHERE deleted_at IS NULL;
-- The whole catalog by price, newest, name: Limit -> Index Scan, which stops after a page of rows.
CREATE INDEX idx_products_price ON products (price, id) WHERE deleted_at IS NULL;
CREATE INDEX idx_products_created_at ON products (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX idx_products_name ON products (name, id) WHERE deleted_at IS NULL;
-- Text search: Limit -> Bitmap Heap Scan -> Bitmap Index Scan on idx_products_name_search.
CREATE INDEX idx_products_name_search ON products USING gin (search) WHERE deleted_at IS NULL;

-- Pictures of a product, in order.
CREATE TABLE product_images (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    product_id UUID NOT NULL REFERENCES products (id),
    url TEXT NOT NULL CHECK (url <> ''),
    alt TEXT NOT NULL DEFAULT '',
    position BIGINT NOT NULL DEFAULT 0,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- Pictures of a page of products, in order: one index scan for all of them.
CREATE INDEX idx_product_images_product ON product_images (product_id, position, id);
