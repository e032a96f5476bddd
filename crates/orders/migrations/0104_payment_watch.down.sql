-- The migration runner sets both timeouts.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout
-- The way back drops what the way here made.
-- squawk-ignore-file ban-drop-table
-- squawk-ignore ban-drop-table
DROP TABLE payment_notices;
ALTER TABLE payment_sessions DROP COLUMN look_at;
-- Sessions that outlived their cart.
DELETE FROM payment_sessions WHERE NOT EXISTS (SELECT FROM carts WHERE carts.id = payment_sessions.cart_id);
ALTER TABLE payment_sessions
    ADD CONSTRAINT payment_sessions_cart_id_fkey FOREIGN KEY (cart_id) REFERENCES carts (id) ON DELETE CASCADE;
