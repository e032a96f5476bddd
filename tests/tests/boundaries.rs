//! What holds between places: who may call a role, and what is counted over several gateways.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::num::NonZeroU32;

use crypto::{InternalSigner, KeyringConfig};
use futures_util::future::join_all;
use http::StatusCode;
use kernel::Clock;
use reqwest::Client;
use runtime::internal::{TOKEN, TlsFiles};
use runtime::limits::Quota;
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use test_kit::Authority;
use tradepost_tests::{Buyer, TestShop, Topology};

/// What a caller may ask of any role: an operation of its API, and a contract.
const PATHS: [&str; 3] = [
    "/api/v1/users/me",
    "/tradepost.products.v1.ProductsService/Reserve",
    "/tradepost.event_log.v1.EventLogService/LastSequence",
];

/// A client that trusts the shop and shows `files`, or nothing.
fn client(shop: &Authority, files: Option<&TlsFiles>) -> Client {
    let config = match files {
        Some(files) => (*files.client().unwrap()).clone(),
        None => {
            let authority = CertificateDer::from_pem_file(shop.issue("for-its-authority").authority).unwrap();
            let mut roots = rustls::RootCertStore::empty();
            roots.add(authority).unwrap();
            ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()
        }
    };
    Client::builder().tls_backend_preconfigured(config).build().unwrap()
}

/// What a role of this shop shows.
fn certificate(signed_by: &Authority, trusting: &Authority) -> TlsFiles {
    let issued = signed_by.issue("caller");
    let authority = trusting.issue("for-its-authority").authority;
    TlsFiles { certificate: issued.certificate, key: issued.key, authority, mutual: true }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_call_is_refused_by_every_role() {
    let shop = TestShop::start(Topology::TwoOfEach).await;
    let ours = shop.authority.as_ref().unwrap();
    let peer = client(ours, Some(&certificate(ours, ours)));
    let stranger = Authority::new();
    let strangers = [client(ours, None), client(ours, Some(&certificate(&stranger, ours)))];
    let token = |secret| InternalSigner::new(secret, "gateway", Clock::system()).unwrap().token().to_string();
    let good = token(&shop.settings.internal.secret);
    let forged = [None, Some(token(&KeyringConfig::generate().index_key)), Some(format!("{good}x")), Some("x".into())];

    assert_eq!(shop.internal.len(), 8, "two of each role but the gateway");
    for (role, address) in &shop.internal {
        for path in PATHS {
            let url = format!("{address}{path}");
            for forged in &forged {
                let mut request = peer.post(&url);
                if let Some(forged) = forged {
                    request = request.header(TOKEN, forged);
                }
                let answer = request.send().await.unwrap();
                assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{role:?} {path} {forged:?}");
                assert!(answer.text().await.unwrap().contains("INTERNAL_TOKEN_INVALID"));
            }
            for stranger in &strangers {
                let refused = stranger.post(&url).header(TOKEN, &good).send().await;
                assert!(refused.is_err(), "{role:?} {path}: no certificate of the shop");
            }
            // It is the token and the certificate that were missing.
            let known = peer.post(&url).header(TOKEN, &good).send().await.unwrap();
            assert!(!known.text().await.unwrap_or_default().contains("INTERNAL_TOKEN_INVALID"));
        }
    }
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_holds_exactly_over_two_gateways() {
    const ALLOWED: usize = 25;
    let burst = NonZeroU32::new(u32::try_from(ALLOWED).unwrap()).unwrap();
    let shop = TestShop::start_with(Topology::TwoOfEach, |settings| {
        settings.gateway.limits.enabled = true;
        let slow = NonZeroU32::new(24 * 60 * 60).unwrap();
        // Nothing of the start is of this class.
        settings.gateway.limits.address.bulk = Quota { burst, period_seconds: slow };
    })
    .await;
    assert_eq!(shop.apis.len(), 2);
    let staff = shop.staff().await;
    let token = staff.token().unwrap();
    let buyers: Vec<Buyer> = shop.apis.iter().map(|api| Buyer::new(api).with_token(token)).collect();
    let answers = join_all((0..4 * ALLOWED).map(|at| buyers[at % 2].get("/api/v1/admin/products/export"))).await;
    let count = |status: u16| answers.iter().filter(|answer| answer.status.as_u16() == status).count();
    assert_eq!((count(200), count(429)), (ALLOWED, 3 * ALLOWED));
    shop.stop().await;
}
