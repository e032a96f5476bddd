-- The migration runner sets both timeouts.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout
-- The way back drops what the way here made.
-- squawk-ignore-file ban-drop-table, ban-drop-column
DROP TABLE payment_notices;
ALTER TABLE payment_sessions DROP COLUMN look_at;
-- Sessions that outlived their cart.
DELETE FROM payment_sessions WHERE NOT EXISTS (SELECT FROM carts WHERE carts.id = payment_sessions.cart_id);
-- Rows that break the constraint went with the statement above; the table is small, and the shop is being taken back.
ALTER TABLE payment_sessions
    -- squawk-ignore constraint-missing-not-valid, adding-foreign-key-constraint
    ADD CONSTRAINT payment_sessions_cart_id_fkey FOREIGN KEY (cart_id) REFERENCES carts (id) ON DELETE CASCADE;
