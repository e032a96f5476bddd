-- The migration runner sets both timeouts.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout
-- The way back drops what the way here made.
-- squawk-ignore-file ban-drop-table
DROP TABLE reservation_lines;
DROP TABLE reservations;
DROP TABLE stock_movements;
DROP TABLE inventory_levels;
DROP TABLE stock_locations;
