-- The migration runner sets both timeouts.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout
-- The way back drops what the way here made.
-- squawk-ignore-file ban-drop-table, ban-drop-sequence
-- squawk-ignore ban-drop-table
DROP TABLE fulfillments;
-- squawk-ignore ban-drop-table
DROP TABLE refunds;
-- squawk-ignore ban-drop-table
DROP TABLE payments;
-- squawk-ignore ban-drop-table
DROP TABLE order_lines;
-- squawk-ignore ban-drop-table
DROP TABLE orders;
DROP SEQUENCE order_numbers;
