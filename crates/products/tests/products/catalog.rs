//! Products, variants, prices and categories, made and changed by GraphQL.

use kernel::Scope;
use serde_json::json;
use uuid::Uuid;

use crate::support::{CREATE, Shop, id};

const BY_SLUG: &str = "query ($slug: String!) { product(slug: $slug) {
    id slug name description price { amount currency formatted } category { slug } tags options
    images { url alt } inventoryCount inStock isActive version
    variants { sku name options { name value } weightGrams price { price { formatted } compareAt { amount } }
               prices { price { currency amount } } inventoryCount } } }";

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one answer, whole")]
async fn a_product_made_by_staff_is_read_by_customers() {
    let shop = Shop::open().await;
    let category = shop.category("Kitchen", None).await;
    let input = json!({
        "name": "Oak Board", "description": "Oak.", "categoryId": category, "tags": ["oak"], "options": ["Size"],
        "images": [{ "url": "https://img.test/a.jpg", "alt": "A board" }],
        "variants": [
            { "sku": "OB-S", "name": "Small", "options": [{ "name": "Size", "value": "S" }], "weightGrams": 900, "onHand": 4,
              "prices": [{ "currency": "EUR", "amount": 2400, "compareAt": 3000 }, { "currency": "USD", "amount": 2650 }] },
            { "sku": "OB-L", "name": "Large", "options": [{ "name": "Size", "value": "L" }], "onHand": 2,
              "prices": [{ "currency": "EUR", "amount": 4200 }] },
        ],
    });
    let made = shop.staff(CREATE, json!({ "input": input })).await;
    assert_eq!(made["productCreate"]["userErrors"], json!([]));

    let answer = shop.ask_with(BY_SLUG, json!({ "slug": "oak-board" })).await;
    let mut product = answer["product"].clone();
    assert_eq!(product["id"], made["productCreate"]["product"]["id"]);
    product.as_object_mut().unwrap().remove("id");
    insta::assert_json_snapshot!(product, @r#"
    {
      "category": {
        "slug": "kitchen"
      },
      "description": "Oak.",
      "images": [
        {
          "alt": "A board",
          "url": "https://img.test/a.jpg"
        }
      ],
      "inStock": true,
      "inventoryCount": 6,
      "isActive": true,
      "name": "Oak Board",
      "options": [
        "Size"
      ],
      "price": {
        "amount": 2400,
        "currency": "EUR",
        "formatted": "24.00"
      },
      "slug": "oak-board",
      "tags": [
        "oak"
      ],
      "variants": [
        {
          "inventoryCount": 4,
          "name": "Small",
          "options": [
            {
              "name": "Size",
              "value": "S"
            }
          ],
          "price": {
            "compareAt": {
              "amount": 3000
            },
            "price": {
              "formatted": "24.00"
            }
          },
          "prices": [
            {
              "price": {
                "amount": 2400,
                "currency": "EUR"
              }
            },
            {
              "price": {
                "amount": 2650,
                "currency": "USD"
              }
            }
          ],
          "sku": "OB-S",
          "weightGrams": 900
        },
        {
          "inventoryCount": 2,
          "name": "Large",
          "options": [
            {
              "name": "Size",
              "value": "L"
            }
          ],
          "price": {
            "compareAt": null,
            "price": {
              "formatted": "42.00"
            }
          },
          "prices": [
            {
              "price": {
                "amount": 4200,
                "currency": "EUR"
              }
            }
          ],
          "sku": "OB-L",
          "weightGrams": 0
        }
      ],
      "version": 1
    }
    "#);
    shop.assert_sound().await;
}

#[tokio::test]
async fn refusals_name_the_field_and_change_nothing() {
    let shop = Shop::open().await;
    shop.product("taken", 100, 0).await;
    let variant = |sku: &str, amount: i64| json!({ "sku": sku, "name": "V", "prices": [{ "currency": "EUR", "amount": amount }] });
    let cases = [
        (json!({ "name": "" }), "name", "TOO_SHORT"),
        (json!({ "name": "a\u{0}b" }), "name", "INVALID_CHARACTER"),
        (json!({ "name": "x".repeat(201) }), "name", "TOO_LONG"),
        (json!({ "name": "n", "slug": "Not A Slug" }), "slug", "INVALID_SLUG"),
        (json!({ "name": "n", "tags": ["a", "a"] }), "tags[1]", "DUPLICATE"),
        (json!({ "name": "n", "images": [{ "url": "javascript:alert(1)" }] }), "images[0].url", "INVALID_URL"),
        (json!({ "name": "n", "variants": [variant("A", -1)] }), "variants[0].prices[0].amount", "OUT_OF_RANGE"),
        (
            json!({ "name": "n", "variants": [variant("A", 10_000_000_000)] }),
            "variants[0].prices[0].amount",
            "OUT_OF_RANGE",
        ),
        (json!({ "name": "n", "variants": [variant("A", 1), variant("A", 1)] }), "variants[1].sku", "DUPLICATE"),
        (
            json!({ "name": "n", "variants": [{ "sku": "A", "name": "V", "onHand": -1 }] }),
            "variants[0].onHand",
            "OUT_OF_RANGE",
        ),
        (
            json!({ "name": "n", "variants": [{ "sku": "A", "name": "V", "options": [{ "name": "Size", "value": "L" }] }] }),
            "variants[0].options.Size",
            "UNKNOWN_OPTION",
        ),
        (
            json!({ "name": "n", "variants": [{ "sku": "A", "name": "V", "prices": [{ "currency": "XYZ", "amount": 1 }] }] }),
            "variants[0].prices[0].currency",
            "UNKNOWN_CURRENCY",
        ),
    ];
    for (input, field, code) in cases {
        let answer = shop.staff(CREATE, json!({ "input": input })).await;
        let error = &answer["productCreate"]["userErrors"][0];
        assert_eq!((&error["field"], &error["code"]), (&json!(field), &json!(code)), "{input}: {error}");
        assert_eq!(answer["productCreate"]["product"], json!(null));
    }
    for (input, code) in [
        (json!({ "name": "n", "slug": "taken" }), "SLUG_TAKEN"),
        (json!({ "name": "n", "variants": [{ "sku": "SKU-taken", "name": "V" }] }), "SKU_TAKEN"),
        (json!({ "name": "n", "categoryId": Uuid::nil() }), "CATEGORY_NOT_FOUND"),
    ] {
        let answer = shop.staff(CREATE, json!({ "input": input })).await;
        assert_eq!(answer["productCreate"]["userErrors"][0]["code"], code, "{input}");
    }
    let listed = shop.ask("{ products { nodes { slug } } }").await;
    assert_eq!(listed["products"]["nodes"], json!([{ "slug": "taken" }]));
}

#[tokio::test]
async fn changes_need_the_scope() {
    let shop = Shop::open().await;
    let body = json!({ "query": CREATE, "variables": { "input": { "name": "x" } } });
    let anonymous = shop.post(&body, None).await;
    assert_eq!((anonymous.status, anonymous.body["code"].as_str()), (401, Some("TOKEN_MISSING")));
    let customer = shop.post(&body, Some(&shop.token(&[Scope::Customer, Scope::ReadProducts]))).await;
    assert_eq!((customer.status, customer.body["code"].as_str()), (403, Some("SCOPE_MISSING")));
    let stock = "{ products { nodes { variants { inventoryLevels { onHand } } } } }";
    shop.product("p", 100, 1).await;
    let refused = shop.post(&json!({ "query": stock }), None).await;
    assert_eq!(refused.body["errors"][0]["extensions"]["code"], "SCOPE_MISSING");
    let allowed = shop.staff(stock, json!({})).await;
    assert_eq!(allowed["products"]["nodes"][0]["variants"][0]["inventoryLevels"], json!([{ "onHand": 1 }]));
}

#[tokio::test]
async fn what_is_not_active_is_seen_by_staff_only() {
    let shop = Shop::open().await;
    let (product, _) = shop.product("secret", 100, 1).await;
    let update =
        "mutation ($id: UUID!) { productUpdate(id: $id, input: { isActive: false }) { product { isActive } } }";
    shop.staff(update, json!({ "id": product })).await;
    let query = "{ product(slug: \"secret\") { slug } products { nodes { slug } } }";
    assert_eq!(shop.ask(query).await, json!({ "product": null, "products": { "nodes": [] } }));
    let seen = json!({ "product": { "slug": "secret" }, "products": { "nodes": [{ "slug": "secret" }] } });
    assert_eq!(shop.staff(query, json!({})).await, seen);
}

#[tokio::test]
async fn an_update_expects_the_version_that_it_saw() {
    let shop = Shop::open().await;
    let (product, _) = shop.product("board", 100, 1).await;
    let update = "mutation ($id: UUID!, $input: ProductUpdateInput!, $version: Int64) {
        productUpdate(id: $id, input: $input, expectedVersion: $version) {
            product { name version description } userErrors { code } } }";
    let first = shop.staff(update, json!({ "id": product, "input": { "name": "New" }, "version": 1 })).await;
    assert_eq!(
        first["productUpdate"]["product"],
        json!({ "name": "New", "version": 2, "description": "Made for a test." })
    );
    let late = shop.staff(update, json!({ "id": product, "input": { "name": "Late" }, "version": 1 })).await;
    assert_eq!(late["productUpdate"], json!({ "product": null, "userErrors": [{ "code": "VERSION_MISMATCH" }] }));
    let missing = shop.staff(update, json!({ "id": Uuid::nil(), "input": {} })).await;
    assert_eq!(missing["productUpdate"]["userErrors"][0]["code"], "PRODUCT_NOT_FOUND");
}

#[tokio::test]
async fn the_listing_price_follows_the_variants() {
    let shop = Shop::open().await;
    let (product, variant) = shop.product("board", 2400, 3).await;
    let price = async || {
        shop.ask("{ product(slug: \"board\") { price { formatted } inventoryCount } }").await["product"].clone()
    };
    let set = "mutation ($id: UUID!, $amount: Int64!) {
        variantPriceSet(variantId: $id, input: { currency: \"EUR\", amount: $amount }) { userErrors { code } } }";
    shop.staff(set, json!({ "id": variant, "amount": 1999 })).await;
    assert_eq!(price().await, json!({ "price": { "formatted": "19.99" }, "inventoryCount": 3 }));

    let add = "mutation ($id: UUID!) { variantCreate(productId: $id, input: {
        sku: \"CHEAP\", name: \"Cheap\", onHand: 2, prices: [{ currency: \"EUR\", amount: 500 }] })
        { variant { id } userErrors { code } } }";
    let added = shop.staff(add, json!({ "id": product })).await;
    assert_eq!(price().await, json!({ "price": { "formatted": "5.00" }, "inventoryCount": 5 }));

    let delete = "mutation ($id: UUID!) { variantDelete(id: $id) { deletedId userErrors { code } } }";
    shop.staff(delete, json!({ "id": added["variantCreate"]["variant"]["id"] })).await;
    assert_eq!(price().await, json!({ "price": { "formatted": "19.99" }, "inventoryCount": 3 }));

    let end = "mutation ($id: UUID!) { variantPriceDelete(variantId: $id, currency: \"EUR\") { userErrors { code } } }";
    shop.staff(end, json!({ "id": variant })).await;
    assert_eq!(price().await, json!({ "price": null, "inventoryCount": 3 }));
    shop.assert_sound().await;
}

#[tokio::test]
async fn a_price_with_three_decimals_is_shown_exactly() {
    let config = products::Config { currency: "KWD".parse().unwrap(), ..products::Config::default() };
    let shop = Shop::with(config).await;
    let (_, variant) = shop.product("lamp", 100, 1).await;
    let set = "mutation ($id: UUID!) {
        variantPriceSet(variantId: $id, input: { currency: \"KWD\", amount: 1239 }) { product { price { formatted } } } }";
    let answer = shop.staff(set, json!({ "id": variant })).await;
    assert_eq!(answer["variantPriceSet"]["product"]["price"]["formatted"], "1.239");
    let within = shop.ask("{ products(filter: { priceMin: 1239, priceMax: 1239 }) { nodes { slug } } }").await;
    assert_eq!(within["products"]["nodes"], json!([{ "slug": "lamp" }]));
    shop.assert_sound().await;
}

#[tokio::test]
async fn a_deleted_product_is_gone_and_its_slug_and_sku_are_free() {
    let shop = Shop::open().await;
    let (product, _) = shop.product("board", 100, 1).await;
    let delete = "mutation ($id: UUID!) { productDelete(id: $id) { deletedId userErrors { code } } }";
    let deleted = shop.staff(delete, json!({ "id": product })).await;
    assert_eq!(id(&deleted["productDelete"]["deletedId"]), product);
    assert_eq!(shop.ask("{ product(slug: \"board\") { id } }").await["product"], json!(null));
    let again = shop.staff(delete, json!({ "id": product })).await;
    assert_eq!(again["productDelete"]["userErrors"][0]["code"], "PRODUCT_NOT_FOUND");
    let (new, _) = shop.product("board", 200, 2).await;
    assert_ne!(new, product);
    shop.assert_sound().await;
}

#[tokio::test]
async fn a_category_cannot_be_part_of_itself_and_is_deleted_only_when_empty() {
    let shop = Shop::open().await;
    let home = shop.category("Home", None).await;
    let kitchen = shop.category("Kitchen", Some(home)).await;
    let knives = shop.category("Knives", Some(kitchen)).await;
    shop.product_in(Some(knives), "knife", 100, 1).await;
    let update = "mutation ($id: UUID!, $input: CategoryUpdateInput!) {
        categoryUpdate(id: $id, input: $input) { category { slug parent { slug } } userErrors { code } } }";
    for parent in [home, kitchen, knives] {
        let answer = shop.staff(update, json!({ "id": home, "input": { "parentId": parent } })).await;
        assert_eq!(answer["categoryUpdate"]["userErrors"][0]["code"], "CATEGORY_MISPLACED");
    }
    let delete = "mutation ($id: UUID!) { categoryDelete(id: $id) { deletedId userErrors { code } } }";
    for used in [kitchen, knives] {
        let answer = shop.staff(delete, json!({ "id": used })).await;
        assert_eq!(answer["categoryDelete"]["userErrors"][0]["code"], "CATEGORY_NOT_EMPTY");
    }
    let moved = shop.staff(update, json!({ "id": knives, "input": { "parentId": null } })).await;
    assert_eq!(moved["categoryUpdate"]["category"], json!({ "slug": "knives", "parent": null }));
    let deleted = shop.staff(delete, json!({ "id": kitchen })).await;
    assert_eq!(id(&deleted["categoryDelete"]["deletedId"]), kitchen);
    let tree = shop.ask("{ categories { slug children { slug } } category(slug: \"kitchen\") { id } }").await;
    assert_eq!(
        tree,
        json!({ "categories": [{ "slug": "home", "children": [] }, { "slug": "knives", "children": [] }], "category": null })
    );
}

#[tokio::test]
async fn two_moves_at_once_cannot_close_a_circle() {
    let shop = Shop::open().await;
    let update = "mutation ($id: UUID!, $parent: UUID) {
        categoryUpdate(id: $id, input: { parentId: $parent }) { userErrors { code } } }";
    for round in 0..5 {
        let a = shop.category(&format!("a{round}"), None).await;
        let b = shop.category(&format!("b{round}"), None).await;
        let (first, second) = tokio::join!(
            shop.staff(update, json!({ "id": a, "parent": b })),
            shop.staff(update, json!({ "id": b, "parent": a })),
        );
        let refused =
            [first, second].iter().filter(|answer| answer["categoryUpdate"]["userErrors"] != json!([])).count();
        assert_eq!(refused, 1);
    }
}

#[tokio::test]
async fn the_same_key_makes_one_product() {
    let shop = Shop::open().await;
    let token = shop.token(&[Scope::WriteProducts]);
    let send = async |name: &str| {
        let body = json!({ "query": CREATE, "variables": { "input": { "name": name } } }).to_string();
        let request = http::Request::post("/api/v1/graphql")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {token}"))
            .header("idempotency-key", "7c1c4a3e-1111-4222-8333-444455556666");
        shop.send(request.body(body.into()).unwrap()).await.body
    };
    let first = send("Board").await;
    let again = send("Board").await;
    assert_eq!(first["data"]["productCreate"]["userErrors"], json!([]));
    assert_eq!(first["data"], again["data"]);
    let other = send("Another").await;
    assert_eq!(other["data"]["productCreate"]["userErrors"][0]["code"], "IDEMPOTENCY_KEY_REUSED");
}

#[tokio::test]
async fn each_change_is_told_with_the_next_version() {
    let shop = Shop::open().await;
    let (product, variant) = shop.product("board", 100, 1).await;
    shop.set_stock(variant, 7).await;
    let rename = "mutation ($id: UUID!) { productUpdate(id: $id, input: { slug: \"plank\" }) { userErrors { code } } }";
    shop.staff(rename, json!({ "id": product })).await;
    let delete = "mutation ($id: UUID!) { productDelete(id: $id) { userErrors { code } } }";
    shop.staff(delete, json!({ "id": product })).await;
    let mut conn = shop.test_db().db().primary().acquire().await.unwrap();
    let history = messaging::history(&mut conn, "product", product).await.unwrap();
    let told: Vec<_> = history.iter().map(|event| (event.kind.as_str(), event.version, event.data.clone())).collect();
    assert_eq!(
        told,
        [
            ("product.created", 1, json!({ "slug": "board" })),
            ("product.updated", 2, json!({ "slug": "plank", "previous_slug": "board" })),
            ("product.deleted", 3, json!({ "slug": "plank" })),
        ]
    );
}
