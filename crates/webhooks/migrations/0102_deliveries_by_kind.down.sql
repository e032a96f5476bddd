-- The migration runner sets both timeouts.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout, require-concurrent-index-deletion
DROP INDEX idx_deliveries_endpoint_kind;
DROP INDEX idx_deliveries_kind;
