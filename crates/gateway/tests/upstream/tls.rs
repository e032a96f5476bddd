//! TLS between the edge and a role.

use std::net::SocketAddr;

use http::StatusCode;
use runtime::internal::TlsFiles;
use test_kit::authority::{Authority, Certificate};

use crate::fixture::{Edge, Instance, Process, Trust, config};

fn files(Certificate { certificate, key, authority }: Certificate) -> TlsFiles {
    TlsFiles { certificate, key, authority, mutual: true }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_edge_and_a_role_know_each_other_by_certificate() {
    let (trust, authority) = (Trust::new(), Authority::new());
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let served = files(authority.issue("products"));
    let process = Process::start_at(anywhere, Instance::new(), &trust.verifier, Some(&served));
    // By name, which is looked up; and by number.
    for host in ["localhost", "127.0.0.1"] {
        let address = [format!("https://{host}:{}", process.address.port())];
        let edge = Edge::over(&trust, &address, &config(), Some(&files(authority.issue("gateway")))).checking();
        while edge.upstream.instances().is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(edge.get().await.status, StatusCode::OK, "{host}");
    }
    // Somebody else's certificates: neither is the role trusted, nor the edge.
    let other = Authority::new();
    let address = [format!("https://127.0.0.1:{}", process.address.port())];
    let edge = Edge::over(&trust, &address, &config(), Some(&files(other.issue("gateway"))));
    assert_eq!(edge.get().await.code(), "UPSTREAM_UNAVAILABLE");
    assert_eq!(process.role.arrivals(), 2);
}
