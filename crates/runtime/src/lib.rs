//! Configuration, telemetry, HTTP, cache, limits, shutdown.
