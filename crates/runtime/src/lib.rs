//! What every process of Tradepost runs on. Nothing here knows of products, orders or users.
//!
//! | module | holds |
//! |---|---|
//! | [`config`] | settings from defaults, file, environment and flags; secrets only from environment or files |
//! | [`telemetry`] | logs, traces over OTLP, Prometheus metrics, the process's own figures |
//! | [`tasks`] | background work: supervised, periodic, ended within a deadline |
//! | [`signal`] | waiting for Ctrl-C and SIGTERM |
//! | [`http`] | the API's conventions: routes, extractors, answers, layers |
//! | [`internal`] | the listener between roles: settings, internal token, TLS |
//! | [`cache`] | bounds of caches in memory; answers in Redis that all instances share |
//! | [`limits`] | rate limits by key, in this process or shared by all |
//! | [`redis`] | the way to Redis, where there is one |
//! | [`revocation`] | access tokens end with their session, in all processes |
//! | [`health`] | readiness by named check |

pub mod cache;
pub mod config;
pub mod health;
pub mod http;
pub mod internal;
pub mod limits;
pub mod redis;
pub mod revocation;
pub mod signal;
pub mod tasks;
pub mod telemetry;

pub use tasks::Tasks;
