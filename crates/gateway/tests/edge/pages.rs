//! The pages, which load nothing from elsewhere.

use http::StatusCode;

use crate::fixture::Shop;

#[tokio::test]
async fn all_that_a_page_loads_is_in_the_binary() {
    let shop = Shop::new();
    for page in ["/", "/docs", "/graphql", "/live-orders"] {
        let answer = shop.get(page).await;
        assert_eq!(answer.status, StatusCode::OK, "{page}");
        assert_eq!(answer.header("content-type"), "text/html", "{page}");
        let attributes = answer.text.split(['"', '\'']).collect::<Vec<_>>();
        assert!(!answer.text.contains("//"), "{page} names no other host");
        for asset in attributes.iter().filter(|text| text.starts_with("/web/")) {
            let loaded = shop.get(asset).await;
            assert_eq!(loaded.status, StatusCode::OK, "{asset}");
            let script = asset.to_ascii_lowercase().ends_with(".js");
            assert_eq!(loaded.header("content-type"), if script { "text/javascript" } else { "text/css" }, "{asset}");
        }
    }
}

#[tokio::test]
async fn scripts_come_from_files_of_ours_alone() {
    let shop = Shop::new();
    for page in ["/", "/docs", "/graphql", "/live-orders"] {
        let answer = shop.get(page).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("script-src 'self';") && !policy.contains("unsafe-eval"), "{policy}");
        assert!(!answer.text.contains("<script>"), "{page}");
    }
}

#[tokio::test]
async fn nothing_outside_of_the_folder_is_served() {
    let shop = Shop::new();
    for path in ["/web/../Cargo.toml", "/web/%2e%2e/Cargo.toml", "/web//etc/passwd", "/web/vendor"] {
        assert_eq!(shop.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn the_page_of_live_orders_runs_the_client_of_the_guide() {
    let shop = Shop::new();
    let page = shop.get("/web/live-orders.js").await;
    assert!(page.text.contains(r#"from "/web/stream.mjs""#), "{}", page.text);
    let client = shop.get("/web/stream.mjs").await;
    assert_eq!((client.status, client.header("content-type")), (StatusCode::OK, "text/javascript"));
    assert!(client.text.contains("export function follow("));
}
