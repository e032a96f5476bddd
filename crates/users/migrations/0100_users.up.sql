-- The migration runner sets both timeouts.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout
-- The migration runner sets both timeouts.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout
-- Accounts. What tells who a person is, is sealed under that person's data key; see data_keys.
CREATE TABLE users (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    -- Sealed. NULL once the account is erased.
    email BYTEA,
    -- HMAC of the normalised address: how an account is found. NULL once the account is erased.
    email_index BYTEA,
    -- bcrypt. NULL once the account is erased.
    password_hash TEXT,
    first_name BYTEA,
    last_name BYTEA,
    phone BYTEA,
    role TEXT NOT NULL DEFAULT 'customer' CHECK (role IN ('customer', 'support', 'catalog_manager', 'admin')),
    status TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
    version BIGINT NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    deleted_at TIMESTAMPTZ,
    -- A live account is whole, an erased one is empty.
    CONSTRAINT users_whole_or_erased CHECK (
        CASE WHEN deleted_at IS NULL
            THEN num_nulls(email, email_index, password_hash, first_name, last_name) = 0
            ELSE num_nonnulls(email, email_index, password_hash, first_name, last_name, phone) = 0
        END
    )
);

-- Sign-in and search by address; one live account an address.
CREATE UNIQUE INDEX idx_users_email ON users (email_index) WHERE deleted_at IS NULL;
-- Staff list accounts from the newest on.
CREATE INDEX idx_users_created_at ON users (created_at DESC, id DESC) WHERE deleted_at IS NULL;

-- One key a person, wrapped by a key-encryption key that is not in the database. Erasing a person deletes the row.
CREATE TABLE data_keys (
    subject_id UUID PRIMARY KEY REFERENCES users (id),
    kek_id TEXT NOT NULL,
    wrapped BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- Rotation goes through the keys that are still under an old key-encryption key.
CREATE INDEX idx_data_keys_kek ON data_keys (kek_id, subject_id);
