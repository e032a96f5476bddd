-- The migration runner sets both timeouts.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout
-- The way back drops what the way here made.
-- squawk-ignore ban-drop-table
DROP TABLE dead_letters;
-- squawk-ignore ban-drop-table
DROP TABLE inbox;
-- squawk-ignore ban-drop-table
DROP TABLE relay;
-- squawk-ignore ban-drop-table
DROP TABLE events;
