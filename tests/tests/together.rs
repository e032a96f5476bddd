//! What a shop must hold, from the outside: all roles in one place.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail by panicking")]

mod scenarios;

use tradepost_tests::Topology;

const TOPOLOGY: Topology = Topology::Together;
