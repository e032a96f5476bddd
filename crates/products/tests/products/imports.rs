//! Imports and exports: every format, every kind of bad row, twice, stopped, tried, and there and back.

use std::fmt::Write as _;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use axum::body::Body;
use futures_util::TryStreamExt;
use http::{Request, header};
use http_body_util::BodyExt;
use kernel::Scope;
use products::import::{Format, Reject};
use products::ops::{ExportFormat, ImportOptions, ImportReport, ImportStep};
use products::{Error, generate};
use serde_json::json;
use sqlx::Row;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use uuid::Uuid;

use crate::support::{Shop, context};

fn sample(name: &str) -> Vec<u8> {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../catalog");
    std::fs::read(folder.join(name)).unwrap()
}

fn options() -> ImportOptions {
    ImportOptions { source: "test".into(), format: None, dry_run: false, resume: false, stop: CancellationToken::new() }
}

async fn import_with(shop: &Shop, file: &[u8], options: ImportOptions) -> Result<(ImportReport, Vec<Reject>), Error> {
    let mut rejects = Vec::new();
    let keep = |step: ImportStep<'_>| {
        if let ImportStep::Rejected(reject) = step {
            rejects.push(reject.clone());
        }
    };
    let report = shop.products.import_products(&context(), Cursor::new(file.to_vec()), options, keep).await?;
    Ok((report, rejects))
}

async fn import(shop: &Shop, file: &[u8]) -> (ImportReport, Vec<Reject>) {
    import_with(shop, file, options()).await.unwrap()
}

/// Imports what has nothing wrong.
async fn import_clean(shop: &Shop, file: &[u8]) -> ImportReport {
    let (report, rejects) = import(shop, file).await;
    assert_eq!(rejects, []);
    assert!(report.finished);
    report
}

/// The rejects of a file as `line column code`.
async fn refusals(file: &str) -> Vec<String> {
    let shop = Shop::open().await;
    let (report, rejects) = import(&shop, file.as_bytes()).await;
    assert_eq!(report.rejects, rejects.len() as u64);
    assert!(rejects.iter().all(|reject| !reject.reason.is_empty()));
    rejects.iter().map(|reject| format!("{} {} {}", reject.line, reject.column, reject.code)).collect()
}

async fn export(shop: &Shop, format: ExportFormat) -> String {
    let pages = shop.products.export_products(&context(), format).await.unwrap();
    let pages: Vec<_> = pages.try_collect().await.unwrap();
    String::from_utf8(pages.concat()).unwrap()
}

/// Every row of every table that an import writes, but what only tells of the import itself.
async fn contents(shop: &Shop) -> String {
    let mut all = String::new();
    for table in [
        "categories",
        "products",
        "product_images",
        "variants",
        "variant_prices",
        "inventory_levels",
        "stock_movements",
        "events",
    ] {
        let query = format!("SELECT md5(string_agg(t::text, '|' ORDER BY t::text)), count(*) FROM {table} t");
        let row = sqlx::query(sqlx::AssertSqlSafe(query)).fetch_one(shop.test_db().owner()).await.unwrap();
        let (hash, count): (Option<String>, i64) = (row.get(0), row.get(1));
        writeln!(all, "{table} {count} {}", hash.unwrap_or_default()).unwrap();
    }
    all
}

async fn count(shop: &Shop, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(shop.test_db().owner()).await.unwrap()
}

#[tokio::test]
async fn the_sample_catalog_is_imported_and_a_second_time_changes_nothing() {
    let shop = Shop::open().await;
    let report = import_clean(&shop, &sample("sample.jsonl")).await;
    assert_eq!((report.products, report.created, report.rejected), (340, 340, 0));
    assert_eq!(count(&shop, "SELECT count(*) FROM variants").await, 757);
    assert_eq!(count(&shop, "SELECT count(*) FROM categories WHERE parent_id IS NULL").await, 8);
    assert_eq!(count(&shop, "SELECT count(*) FROM events WHERE kind = 'product.created'").await, 340);
    shop.assert_sound().await;
    let before = contents(&shop).await;
    let again = import_clean(&shop, &sample("sample.jsonl")).await;
    assert_eq!((again.created, again.updated, again.unchanged), (0, 0, 340));
    assert_eq!(contents(&shop).await, before);
}

#[tokio::test]
async fn a_shopify_export_is_imported_and_a_second_time_changes_nothing() {
    let shop = Shop::open().await;
    let report = import_clean(&shop, &sample("shopify-sample.csv")).await;
    assert_eq!((report.products, report.created), (12, 12));
    shop.assert_sound().await;
    let exported = export(&shop, ExportFormat::Jsonl).await;
    let board = exported.lines().find(|line| line.contains("\"oak-bread-board\"")).unwrap();
    let board: serde_json::Value = serde_json::from_str(board).unwrap();
    insta::assert_json_snapshot!(board);
    assert_eq!(exported.matches("\"active\":false").count(), 1, "one product is a draft");
    assert!(exported.contains(r#""compare_at":"95.00""#));
    let before = contents(&shop).await;
    assert_eq!(import_clean(&shop, &sample("shopify-sample.csv")).await.unchanged, 12);
    assert_eq!(contents(&shop).await, before);
}

#[tokio::test]
async fn what_is_exported_is_imported_without_loss() {
    let first = Shop::open().await;
    import_clean(&first, &sample("sample.jsonl")).await;
    import_clean(&first, &sample("shopify-sample.csv")).await;
    let odd = concat!(
        r#"{"handle":"odd","name":"Odd, \"quoted\" | \\ > name","description":"Line one\n\tline two","category":["A > B","C\\D"],"#,
        r#""active":false,"tags":["a, b","c\\"],"options":["Size","Colour"],"images":["https://x.test/1.jpg",{"url":"/media/2.jpg","alt":"a | b"}],"#,
        r#""variants":[{"sku":"ODD-2","name":"Second","options":{"Size":"L"},"prices":[{"currency":"JPY","amount":"1200"}],"inventory":3},"#,
        r#"{"sku":"ODD-1","name":"First","options":{"Colour":"Red","Size":"S"},"prices":[{"currency":"EUR","amount":"9.90","compare_at":"12"}],"weight_grams":5}]}"#,
        "\n",
        r#"{"handle":"bare","name":"Bare"}"#,
    );
    import_clean(&first, odd.as_bytes()).await;
    for format in [ExportFormat::Jsonl, ExportFormat::Csv] {
        let exported = export(&first, format).await;
        let second = Shop::open().await;
        import_clean(&second, exported.as_bytes()).await;
        assert_eq!(export(&second, format).await, exported);
        assert_eq!(export(&second, ExportFormat::Jsonl).await, export(&first, ExportFormat::Jsonl).await);
        second.assert_sound().await;
        assert_eq!(import_clean(&first, exported.as_bytes()).await.updated, 0);
    }
}

#[tokio::test]
async fn a_file_of_some_columns_changes_those_only() {
    let shop = Shop::open().await;
    import_clean(&shop, b"handle,name,description,sku,price_EUR,price_USD,inventory\nmug,Mug,Round.,MUG-1,9.90,11,4\n")
        .await;
    let report = import_clean(&shop, b"handle,sku,price_EUR,inventory\nmug,MUG-1,8.50,\nmug,MUG-2,8.00,2\n").await;
    assert_eq!(report.updated, 1);
    assert_eq!(
        export(&shop, ExportFormat::Csv).await,
        "handle,name,description,category,active,tags,images,image_alts,sku,variant_name,price_EUR,compare_at_EUR,price_USD,compare_at_USD,inventory,weight_grams\n\
         mug,Mug,Round.,,true,,,,MUG-1,Default,8.50,,11.00,,4,0\n\
         mug,,,,,,,,MUG-2,Default,8.00,,,,2,0\n"
    );
    assert_eq!(count(&shop, "SELECT version FROM products").await, 2);
    assert_eq!(count(&shop, "SELECT inventory_count FROM products").await, 6);
    assert_eq!(count(&shop, "SELECT count(*) FROM events WHERE kind = 'product.updated'").await, 1);
    shop.assert_sound().await;
}

#[tokio::test]
async fn an_imported_count_moves_stock_and_never_below_what_orders_hold() {
    let shop = Shop::open().await;
    let (_, variant) = shop.product("lamp", 2000, 5).await;
    shop.reserve(Uuid::now_v7(), &[(variant, 3)]).await.unwrap();
    let (report, rejects) = import(&shop, b"handle,sku,inventory\nlamp,SKU-lamp,2\n").await;
    assert_eq!((report.rejected, rejects[0].line, rejects[0].column.as_str()), (1, 2, "inventory"));
    assert_eq!(rejects[0].code, "STOCK_RESERVED");
    let report = import_clean(&shop, b"handle,sku,inventory\nlamp,SKU-lamp,7\n").await;
    assert_eq!(report.updated, 1);
    assert_eq!(shop.available(variant).await, 4);
    assert_eq!(count(&shop, "SELECT version FROM products").await, 1, "a count of stock does not change the product");
    let moved = "SELECT on_hand_delta FROM stock_movements WHERE kind = 'import'";
    assert_eq!(count(&shop, moved).await, 2);
    assert_eq!(count(&shop, "SELECT count(*) FROM events WHERE kind = 'inventory.changed'").await, 3);
    shop.assert_sound().await;
}

#[tokio::test]
async fn a_dry_run_counts_and_changes_nothing() {
    let shop = Shop::open().await;
    import_clean(&shop, b"handle,name,sku,price_EUR\nmug,Mug,MUG-1,9.90\ncup,Cup,CUP-1,5\n").await;
    let before = contents(&shop).await;
    let file = b"handle,name,category,sku,price_EUR\nmug,Mug,,MUG-1,9.90\ncup,Cup,Tea > Cups,CUP-1,6\npot,Pot,,POT-1,7\npan,Pan,,POT-1,8\n";
    let (report, rejects) = import_with(&shop, file, ImportOptions { dry_run: true, ..options() }).await.unwrap();
    assert_eq!((report.created, report.updated, report.unchanged, report.rejected), (1, 1, 1, 1));
    assert_eq!((report.id, rejects[0].line, &*rejects[0].code), (None, 5, "SKU_TAKEN"));
    assert_eq!(contents(&shop).await, before);
    assert_eq!(count(&shop, "SELECT count(*) FROM product_imports").await, 1);
}

#[tokio::test]
async fn an_import_that_was_stopped_goes_on_where_it_was() {
    let mut file = Vec::new();
    generate::write_catalog(&mut file, 2500, 1).unwrap();
    let shop = Shop::open().await;
    let stop = CancellationToken::new();
    let stop_after_first = |step: ImportStep<'_>| {
        if matches!(step, ImportStep::Progress(report) if report.products > 0) {
            stop.cancel();
        }
    };
    let resumable = || ImportOptions { resume: true, ..options() };
    let until_stop = ImportOptions { stop: stop.clone(), ..resumable() };
    let source = Cursor::new(file.clone());
    let stopped = shop.products.import_products(&context(), source, until_stop, stop_after_first).await.unwrap();
    assert_eq!((stopped.finished, stopped.products, stopped.created), (false, 1000, 1000));
    let other: Vec<u8> = file.iter().copied().skip_while(|byte| *byte != b'\n').skip(1).collect();
    let refused = import_with(&shop, &other, resumable()).await.unwrap_err();
    assert_eq!(kernel::Failure::from(refused).code, "IMPORT_SOURCE_CHANGED");
    let (resumed, _) = import_with(&shop, &file, resumable()).await.unwrap();
    assert_eq!((resumed.id, resumed.finished, resumed.resumed_from), (stopped.id, true, 1000));
    assert_eq!((resumed.created, resumed.unchanged), (2500, 0));
    let (again, _) = import_with(&shop, &file, resumable()).await.unwrap();
    assert_eq!((again.resumed_from, again.unchanged), (0, 2500), "what is finished is not gone on with");
    shop.assert_sound().await;
}

#[tokio::test]
async fn a_file_with_bad_products_brings_the_good_ones() {
    let shop = Shop::open().await;
    let (report, rejects) = import(&shop, b"handle,name,sku,price_EUR\na,A,A-1,1\na,,A-2,wrong\nb,B,B-1,2\n").await;
    assert_eq!((report.created, report.rejected), (1, 1));
    assert_eq!(rejects.len(), 1);
    assert_eq!((rejects[0].line, rejects[0].column.as_str(), &*rejects[0].raw), (3, "price_EUR", "a,,A-2,wrong"));
    assert_eq!(count(&shop, "SELECT count(*) FROM products WHERE slug = 'b'").await, 1);
    assert_eq!(count(&shop, "SELECT count(*) FROM variants").await, 1, "a product with a bad row is refused whole");
    let kept = "SELECT line FROM product_import_rejects";
    assert_eq!(count(&shop, kept).await, 3);
}

#[tokio::test]
async fn each_bad_row_of_a_csv_is_named_with_line_and_column() {
    let header = "handle,name,category,active,tags,option1_name,images,sku,variant_name,option1_value,price_EUR,compare_at_EUR,inventory,weight_grams";
    let rows = [
        "Bad Handle,N,,,,,,,,,,,,",
        ",N,,,,,,,,,,,,",
        "no-name,,,,,,,S1,,,,,,",
        "flag,N,,maybe,,,,,,,,,,",
        "tags,N,,,\"a,b,a\",,,,,,,,,",
        "image,N,,,,,ftp://x,,,,,,,",
        "sku,N,,,,,,,V,,,,,",
        "price,N,,,,,,S2,,,1.234,,,",
        "negative,N,,,,,,S3,,,-1,,,",
        "compare,N,,,,,,S4,,,,5,,",
        "units,N,,,,,,S5,,,,,many,",
        "units2,N,,,,,,S6,,,,,-1,",
        "grams,N,,,,,,S7,,,,,,1.5",
        "option,N,,,,,,S8,,Red,,,,",
        "twice,N,,,,,,S9,,,,,,\ntwice,,,,,,,S9,,,,,,",
        "differs,N,,,,,,S10,,,,,,\ndiffers,M,,,,,,S11,,,,,,",
        "cells,N,,,",
        "taken,N,,,,,,S12,,,,,,\ntaken2,N,,,,,,S12,,,,,,",
        "again,N,,,,,,S13,,,,,,\nother,N,,,,,,S14,,,,,,\nagain,N,,,,,,S15,,,,,,",
        "nul,N\u{0},,,,,,,,,,,,",
        "dear,N,,,,,,S16,,,100000000.00,,,",
    ];
    let file = format!("\u{feff}{header}\r\n{}\r\n", rows.join("\r\n").replace("\r\n", "\n").replace('\n', "\r\n"));
    insta::assert_json_snapshot!(refusals(&file).await);
}

#[tokio::test]
async fn each_bad_line_of_json_is_named_with_line_and_field() {
    let lines = [
        r#"{"handle":"a","name":"A","variants":[{"sku":"A-1","prices":[{"currency":"EUR","amount":"1.999"}]}]}"#,
        r#"{"handle":"b","name":"B","variants":[{"sku":"B-1","prices":[{"currency":"XXX","amount":"1"}]}]}"#,
        r#"{"handle":"c","name":"C","variants":[{"sku":"C-1","prices":[{"currency":"EUR","amount":1}]}]}"#,
        r#"{"handle":"d","name":"D","colour":"red"}"#,
        "",
        r#"{"handle":"e","name":"E""#,
        r#"{"handle":"f","name":"F","variants":[{"sku":"F-1","options":{"Size":"L"}}]}"#,
        r#"{"handle":"g","name":"G\u0000"}"#,
        r#"{"handle":"h","name":"\ud800"}"#,
        r#"{"handle":"i","name":"I","category":["a","b","c","d","e","f","g","h","i","j","k"]}"#,
        r#"{"handle":"j","name":"J","category":[""]}"#,
        r#"{"handle":"k","name":"K","images":[{"url":"https://x"}]}"#,
        r#"{"handle":"l","name":"L","variants":[{"sku":""},{"sku":"L","inventory":1000000001}]}"#,
        r#"{"name":"M"}"#,
        r#"["handle"]"#,
        r#"{"handle":"a","name":"A"}"#,
    ];
    insta::assert_json_snapshot!(refusals(&lines.join("\n")).await);
}

#[tokio::test]
async fn bad_encodings_are_named_and_rows_without_end_are_refused() {
    let shop = Shop::open().await;
    let code = |file: Vec<u8>| {
        let shop = &shop;
        async move { import_with(shop, &file, options()).await.map_err(|error| kernel::Failure::from(error).code) }
    };
    let (report, rejects) = code(b"handle,name\ncaf\xe9,Caf\xe9\ngood,Good\n".to_vec()).await.unwrap();
    assert_eq!((report.created, rejects[0].line, &*rejects[0].code), (1, 2, "INVALID_ENCODING"));
    let (_, rejects) = code(b"{\"handle\":\"x\"}\n{\"handle\":\"caf\xe9\"}\n".to_vec()).await.unwrap();
    assert_eq!((rejects[1].line, &*rejects[1].code), (2, "INVALID_ENCODING"));
    assert_eq!(code(b"\xff\xfeh\0a\0".to_vec()).await.unwrap_err(), "UNSUPPORTED_ENCODING");
    assert_eq!(code(b"handle,colour\n".to_vec()).await.unwrap_err(), "UNKNOWN_COLUMN");
    assert_eq!(code(b"handle,name,name\n".to_vec()).await.unwrap_err(), "DUPLICATE_COLUMN");
    assert_eq!(code(b"handle,compare_at_EUR\n".to_vec()).await.unwrap_err(), "MISSING_COLUMN");
    assert_eq!(code(b"<xml>".to_vec()).await.unwrap_err(), "UNKNOWN_FORMAT");
    let open_quote = [b"handle,name\na,\"".as_slice(), &vec![b'x'; 5 * 1024 * 1024]].concat();
    let begun = [b"handle,name\ngood-one,Good\nlost,Lost\na,\"".as_slice(), &vec![b'x'; 5 * 1024 * 1024]].concat();
    assert_eq!(code(open_quote).await.unwrap_err(), "ROW_TOO_LONG");
    assert_eq!(code(begun).await.unwrap_err(), "ROW_TOO_LONG");
    assert_eq!(count(&shop, "SELECT count(*) FROM products WHERE slug = 'good-one'").await, 1, "what was read is kept");
    let long_line =
        [b"{\"handle\":\"".as_slice(), &vec![b'x'; 5 * 1024 * 1024], b"\"}\n{\"handle\":\"y\",\"name\":\"Y\"}"]
            .concat();
    let (report, rejects) = code(long_line).await.unwrap();
    assert_eq!((report.created, &*rejects[0].code), (1, "ROW_TOO_LONG"));
    assert!(rejects[0].raw.len() < 1000, "a long line is not held");
    assert_eq!(count(&shop, "SELECT count(*) FROM product_imports WHERE state = 'failed'").await, 1);
}

#[tokio::test]
async fn two_imports_of_one_file_at_once_bring_it_once() {
    let mut file = Vec::new();
    generate::write_catalog(&mut file, 1500, 3).unwrap();
    let shop = Shop::open().await;
    let (first, second) = tokio::join!(import(&shop, &file), import(&shop, &file));
    assert_eq!(first.0.created + second.0.created, 1500);
    assert_eq!(count(&shop, "SELECT count(*) FROM products").await, 1500);
    shop.assert_sound().await;
}

#[tokio::test]
async fn the_newer_columns_of_shopify_and_variants_without_sku_are_read() {
    let shop = Shop::open().await;
    let file = "Title,URL handle,Description,Product category,Type,Tags,Published on online store,Status,SKU,Option1 name,Option1 value,Price,Compare-at price,Inventory quantity,Weight value (grams),Product image URL,Image position,Image alt text\n\
        Mug,mug,<p>Round &amp; blue</p>,,Cups,\"tea, tea, blue\",TRUE,Active,,Size,Small,9.90,0.00,-2,250.0,https://x.test/b.jpg,2,B\n\
        ,mug,,,,,,,,,Large,12.00,,5,300,https://x.test/a.jpg,1,\n";
    import_clean(&shop, file.as_bytes()).await;
    insta::assert_snapshot!(export(&shop, ExportFormat::Jsonl).await);
    let (_, rejects) = import(&shop, file.replace("9.90", "cheap").as_bytes()).await;
    assert_eq!((rejects[0].line, rejects[0].column.as_str()), (2, "Price"));
    assert!(matches!(Format::detect(file.as_bytes()), Ok(Format::Shopify)));
}

/// A request with a file as its body.
fn upload(shop: &Shop, query: &str, content_type: &str, file: Vec<u8>) -> Request<Body> {
    let token = shop.token(&[Scope::WriteProducts]);
    let request = Request::post(format!("/api/v1/admin/products/imports{query}"))
        .header(header::CONTENT_TYPE, content_type)
        .header(header::AUTHORIZATION, format!("Bearer {token}"));
    request.body(Body::from(file)).unwrap()
}

fn download(shop: &Shop, path: &str) -> Request<Body> {
    let token = shop.token(&[Scope::ReadProducts]);
    let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {token}"));
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn an_upload_is_the_same_import() {
    let shop = Shop::open().await;
    let file = b"handle,name,sku,price_EUR\nmug,Mug,MUG-1,9.90\ncup,Cup,CUP-1,cheap\n".to_vec();
    let tried = shop.send(upload(&shop, "?dry_run=true", "text/csv", file.clone())).await;
    assert_eq!(
        (tried.status, &tried.body["data"]["created"], &tried.body["data"]["id"]),
        (200, &json!(1), &json!(null))
    );
    assert_eq!(count(&shop, "SELECT count(*) FROM products").await, 0);
    let done = shop.send(upload(&shop, "", "text/csv; charset=utf-8", file)).await;
    assert_eq!(done.status, 200, "{}", done.body);
    let done = &done.body["data"];
    assert_eq!((&done["state"], &done["created"], &done["rejected"]), (&json!("finished"), &json!(1), &json!(1)));
    assert_eq!(done["rejects"][0]["line"], json!(3));
    let path = format!("/api/v1/admin/products/imports/{}", done["id"].as_str().unwrap());
    let found = shop.send(download(&shop, &path)).await;
    assert_eq!((found.status, &found.body["data"]["rejects"]), (200, &done["rejects"]));
    let unknown = shop.send(download(&shop, &format!("/api/v1/admin/products/imports/{}", Uuid::now_v7()))).await;
    assert_eq!((unknown.status, &unknown.body["code"]), (404, &json!("IMPORT_NOT_FOUND")));
}

#[tokio::test]
async fn an_upload_that_cannot_be_read_is_refused_and_changes_nothing() {
    let shop = Shop::open().await;
    for (query, content_type, file, status, code) in [
        ("", "text/csv", "<xml>", 422, "UNKNOWN_FORMAT"),
        ("", "text/csv", "", 422, "UNKNOWN_FORMAT"),
        ("?format=csv", "text/csv", "sku\nX\n", 422, "MISSING_COLUMN"),
        ("?format=xlsx", "text/csv", "handle\n", 400, "INVALID_QUERY"),
        ("?colour=red", "text/csv", "handle\n", 400, "INVALID_QUERY"),
        ("", "application/xml", "handle\n", 415, "UNSUPPORTED_MEDIA_TYPE"),
    ] {
        let refused = shop.send(upload(&shop, query, content_type, file.into())).await;
        assert_eq!((refused.status, &refused.body["code"]), (status, &json!(code)), "{query} {file}");
    }
    let customer = shop.token(&[Scope::Customer]);
    let request = Request::post("/api/v1/admin/products/imports").header(header::CONTENT_TYPE, "text/csv");
    let request =
        request.header(header::AUTHORIZATION, format!("Bearer {customer}")).body(Body::from("handle\n")).unwrap();
    assert_eq!(shop.send(request).await.status, 403);
    assert_eq!(count(&shop, "SELECT count(*) FROM product_imports").await, 0);
}

#[tokio::test]
async fn an_upload_that_breaks_off_keeps_what_came() {
    let shop = Shop::open().await;
    let chunks = [Ok("{\"handle\":\"mug\",\"name\":\"Mug\"}\n{\"handle\""), Err(std::io::Error::other("gone"))];
    let mut request = upload(&shop, "", "application/jsonl", Vec::new());
    *request.body_mut() = Body::from_stream(futures_util::stream::iter(chunks));
    let answer = shop.send(request).await;
    assert_eq!((answer.status, &answer.body["code"]), (400, &json!("BODY_INCOMPLETE")));
    assert_eq!(count(&shop, "SELECT count(*) FROM products").await, 1);
}

#[tokio::test]
async fn the_catalog_is_downloaded_as_it_is_imported() {
    let shop = Shop::open().await;
    import_clean(&shop, &sample("sample.jsonl")).await;
    for (query, media_type, format) in
        [("", "application/x-ndjson", ExportFormat::Jsonl), ("?format=csv", "text/csv", ExportFormat::Csv)]
    {
        let request = download(&shop, &format!("/api/v1/admin/products/export{query}"));
        let response = shop.router.clone().oneshot(request).await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (200, &media_type.parse().unwrap())
        );
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(String::from_utf8(body.to_vec()).unwrap(), export(&shop, format).await);
    }
}
