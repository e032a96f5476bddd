//! GraphQL over HTTP: media types, methods, status codes.

use axum::body::Body;
use http::Request;
use serde_json::json;

use crate::support::{Answer, Shop};

const JSON: &str = "application/json; charset=utf-8";
const GRAPHQL: &str = "application/graphql-response+json; charset=utf-8";

async fn send(shop: &Shop, body: &str, accept: Option<&str>) -> Answer {
    let request = Request::post("/api/v1/graphql").header("content-type", "application/json");
    let request = match accept {
        Some(accept) => request.header("accept", accept),
        None => request,
    };
    shop.send(request.body(Body::from(body.to_owned())).unwrap()).await
}

async fn get(shop: &Shop, query: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::get(format!("/api/v1/graphql?{query}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    shop.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn the_media_type_is_what_the_caller_likes_best() {
    let shop = Shop::open().await;
    let body = r#"{"query":"{ __typename }"}"#;
    for (accept, expected) in [
        (None, JSON),
        (Some("*/*"), JSON),
        (Some("application/json"), JSON),
        (Some("application/graphql-response+json"), GRAPHQL),
        (Some("application/graphql-response+json, application/json;q=0.9"), GRAPHQL),
        (Some("application/graphql-response+json;q=0.5, application/json"), JSON),
        (Some("text/html, application/*;q=0.8"), JSON),
    ] {
        let answer = send(&shop, body, accept).await;
        assert_eq!((answer.status, answer.headers["content-type"].to_str().unwrap()), (200, expected), "{accept:?}");
        assert_eq!(answer.body, json!({ "data": { "__typename": "Query" } }));
    }
    for accept in ["text/html", "application/json;q=0"] {
        let answer = send(&shop, body, Some(accept)).await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (406, Some("NOT_ACCEPTABLE")));
    }
}

#[tokio::test]
async fn requests_that_are_not_run_have_no_data_and_their_status_follows_the_media_type() {
    let shop = Shop::open().await;
    for query in ["{", "{ nothing }", "query ($id: UUID!) { product(id: $id) { id } }"] {
        let body = format!(r#"{{"query":"{query}"}}"#);
        let plain = send(&shop, &body, Some("application/json")).await;
        assert_eq!(plain.status, 200, "{query}");
        let typed = send(&shop, &body, Some("application/graphql-response+json")).await;
        assert_eq!(typed.status, 400, "{query}: {}", typed.body);
        for answer in [plain, typed] {
            assert_eq!(answer.body["errors"][0]["extensions"]["code"], "GRAPHQL_INVALID", "{}", answer.body);
            assert!(answer.body.get("data").is_none());
        }
    }
}

#[tokio::test]
async fn what_is_no_graphql_request_is_refused_with_400() {
    let shop = Shop::open().await;
    for (body, code) in [
        ("", "MALFORMED_JSON"),
        ("{", "MALFORMED_JSON"),
        ("[]", "VALIDATION_FAILED"),
        (r#"[{"query":"{ __typename }"}]"#, "VALIDATION_FAILED"),
        (r#"{"qeury":"{ __typename }"}"#, "VALIDATION_FAILED"),
        (r#"{"query":1}"#, "VALIDATION_FAILED"),
        (r#"{"query":"{ __typename }","variables":[]}"#, "VALIDATION_FAILED"),
        (r#"{"query":"{ __typename }","operationName":{}}"#, "VALIDATION_FAILED"),
        (r#"{"query":"{ __typename }","unknown":1}"#, "VALIDATION_FAILED"),
        (r#"{"query":"\ud800"}"#, "MALFORMED_JSON"),
    ] {
        let plain = send(&shop, body, None).await;
        assert_eq!((plain.status, plain.body["code"].as_str()), (400, Some(code)), "{body}: {}", plain.body);
        let typed = send(&shop, body, Some("application/graphql-response+json")).await;
        assert_eq!((typed.status, &typed.body["errors"][0]["extensions"]["code"]), (400, &json!(code)), "{body}");
        assert_eq!(typed.headers["content-type"], GRAPHQL);
    }
    for odd in [
        r#"{"query":"{ product(slug: \"\\ud800\") { id } }"}"#,
        r#"{"query":"{ product(slug: \"\\u0000\") { id } }"}"#,
        r#"{"query":"\u0000"}"#,
    ] {
        let answer = send(&shop, odd, None).await;
        assert_eq!(answer.status, 200, "{odd}: {}", answer.body);
    }
}

#[tokio::test]
async fn get_asks_and_does_not_change() {
    let shop = Shop::open().await;
    shop.product("board", 100, 1).await;
    let query =
        "query=query(%24slug:String!)%7Bproduct(slug:%24slug)%7Bslug%7D%7D&variables=%7B%22slug%22:%22board%22%7D";
    let answer = get(&shop, query, &[]).await;
    assert_eq!((answer.status, &answer.body["data"]["product"]["slug"]), (200, &json!("board")));
    let etag = answer.headers["etag"].to_str().unwrap();
    assert_eq!(get(&shop, query, &[("if-none-match", etag)]).await.status, 304);
    assert_eq!(get(&shop, query, &[("if-none-match", "\"other\"")]).await.status, 200);
    let mutation = get(&shop, "query=mutation%7B__typename%7D", &[]).await;
    assert_eq!((mutation.status, mutation.body["code"].as_str()), (405, Some("METHOD_NOT_ALLOWED")));
    for query in [
        "",
        "query=%7B__typename%7D&other=1",
        "query=%7B__typename%7D&variables=%7B",
        "query=%7B__typename%7D&variables=%5B%5D",
    ] {
        assert_eq!(get(&shop, query, &[]).await.status, 400, "{query}");
    }
}

#[tokio::test]
async fn one_operation_of_several_is_chosen_by_name() {
    let shop = Shop::open().await;
    let ask = async |name: Option<&str>| {
        let body = json!({ "query": "query A { a: __typename } query B { b: __typename }", "operationName": name });
        send(&shop, &body.to_string(), None).await.body
    };
    assert_eq!(ask(Some("B")).await, json!({ "data": { "b": "Query" } }));
    for name in [None, Some("C")] {
        assert_eq!(ask(name).await["errors"][0]["extensions"]["code"], "GRAPHQL_INVALID");
    }
}
