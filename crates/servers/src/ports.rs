//! Free ports.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use rand::Rng as _;

use crate::error::ServerError;

/// Below the ports that systems give to outgoing connections: a server that is started again finds its port still free.
const RANGE: std::ops::Range<u16> = 20_000..32_000;
/// How many ports are tried.
const TRIES: usize = 200;

/// The preferred port if it is free, else any free one, of 127.0.0.1.
pub fn choose(preferred: Option<u16>) -> Result<u16, ServerError> {
    let mut refusal = None;
    for port in preferred.into_iter().chain((0..TRIES).map(|_| rand::rng().random_range(RANGE))) {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(listener) => {
                let address = listener.local_addr();
                return address.map(|a| a.port()).map_err(ServerError::io("listen on", Path::new("127.0.0.1")));
            }
            Err(error) => refusal = Some(error),
        }
    }
    let refusal = refusal.unwrap_or_else(|| std::io::ErrorKind::AddrInUse.into());
    Err(ServerError::io("find a free port on", Path::new("127.0.0.1"))(refusal))
}
