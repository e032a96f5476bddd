//! Lists of products: what is in them, in which order, page by page.

use kernel::Cursor;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::Shop;

const PAGE: &str = "query ($filter: ProductFilter, $sort: ProductSort, $first: Int!, $after: String) {
    products(filter: $filter, sort: $sort, first: $first, after: $after) {
        edges { cursor node { slug } }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";

/// Every slug of a list, read in pages of `first`.
async fn walk(shop: &Shop, filter: &Value, sort: &str, first: i64) -> Vec<String> {
    let (mut slugs, mut after) = (Vec::new(), Value::Null);
    loop {
        let variables = json!({ "filter": filter, "sort": sort, "first": first, "after": after });
        let page = shop.ask_with(PAGE, variables).await["products"].clone();
        let edges = page["edges"].as_array().unwrap();
        slugs.extend(edges.iter().map(|edge| edge["node"]["slug"].as_str().unwrap().to_owned()));
        assert_eq!(page["pageInfo"]["hasPreviousPage"], json!(!after.is_null()));
        assert_eq!(page["pageInfo"]["endCursor"], edges.last().map_or(Value::Null, |edge| edge["cursor"].clone()));
        if page["pageInfo"]["hasNextPage"] == json!(false) {
            return slugs;
        }
        assert_eq!(edges.len(), usize::try_from(first).unwrap());
        after = page["pageInfo"]["endCursor"].clone();
    }
}

/// A tree with products of few prices, so that many are equal.
struct Catalog {
    shop: Shop,
    /// Slug, category, price, stock.
    products: Vec<(String, &'static str, i64, i64)>,
}

impl Catalog {
    async fn open() -> Self {
        let shop = Shop::open().await;
        let home = shop.category("Home", None).await;
        let kitchen = shop.category("Kitchen", Some(home)).await;
        let knives = shop.category("Knives", Some(kitchen)).await;
        let garden = shop.category("Garden", None).await;
        let categories = [("home", home), ("kitchen", kitchen), ("knives", knives), ("garden", garden)];
        let mut products = Vec::new();
        for n in 0..40_i64 {
            let (name, category) = categories[usize::try_from(n % 4).unwrap()];
            let (slug, price, stock) = (format!("p{:02}", (n * 7) % 40), 1000 + (n % 5) * 100, n % 3);
            shop.product_in(Some(category), &slug, price, stock).await;
            products.push((slug, name, price, stock));
        }
        Self { shop, products }
    }

    fn expected(&self, holds: impl Fn(&str, i64, i64) -> bool) -> Vec<String> {
        let found = self.products.iter().filter(|(_, category, price, stock)| holds(category, *price, *stock));
        let mut slugs: Vec<String> = found.map(|(slug, ..)| slug.clone()).collect();
        slugs.sort();
        slugs
    }
}

fn sorted(mut slugs: Vec<String>) -> Vec<String> {
    slugs.sort();
    slugs
}

#[tokio::test]
async fn pages_neither_skip_nor_repeat_in_any_order_and_filter() {
    let catalog = Catalog::open().await;
    let below = |wanted: &'static str| {
        move |category: &str| match wanted {
            "home" => category != "garden",
            "kitchen" => ["kitchen", "knives"].contains(&category),
            other => category == other,
        }
    };
    for sort in ["PRICE_ASC", "PRICE_DESC", "NEWEST", "NAME"] {
        for first in [1, 7, 40, 100] {
            let all = walk(&catalog.shop, &json!({}), sort, first).await;
            assert_eq!(sorted(all), catalog.expected(|_, _, _| true), "{sort} {first}");
        }
        for wanted in ["home", "kitchen", "knives", "garden"] {
            let filter = json!({ "categorySlug": wanted, "priceMin": 1100, "priceMax": 1300 });
            let found = walk(&catalog.shop, &filter, sort, 3).await;
            let expected =
                catalog.expected(|category, price, _| below(wanted)(category) && (1100..=1300).contains(&price));
            assert_eq!(sorted(found), expected, "{sort} {wanted}");
            let text = json!({ "categorySlug": wanted, "query": "product", "inStock": true });
            let found = walk(&catalog.shop, &text, sort, 3).await;
            assert_eq!(sorted(found), catalog.expected(|category, _, stock| below(wanted)(category) && stock > 0));
        }
        let sold_out = walk(&catalog.shop, &json!({ "inStock": false }), sort, 4).await;
        assert_eq!(sorted(sold_out), catalog.expected(|_, _, stock| stock == 0));
    }
    let ranked = walk(&catalog.shop, &json!({ "query": "product" }), "RELEVANCE", 7).await;
    assert_eq!(sorted(ranked), catalog.expected(|_, _, _| true));
}

#[tokio::test]
async fn orders_are_what_they_say() {
    let catalog = Catalog::open().await;
    let price_of = |slug: &String| catalog.products.iter().find(|it| it.0 == *slug).unwrap().2;
    for filter in [json!({}), json!({ "categorySlug": "home" }), json!({ "query": "product" })] {
        let cheapest: Vec<i64> = walk(&catalog.shop, &filter, "PRICE_ASC", 6).await.iter().map(price_of).collect();
        assert!(cheapest.is_sorted(), "{filter}");
        let dearest: Vec<i64> = walk(&catalog.shop, &filter, "PRICE_DESC", 6).await.iter().map(price_of).collect();
        assert!(dearest.iter().rev().is_sorted(), "{filter}");
        assert!(walk(&catalog.shop, &filter, "NAME", 6).await.is_sorted(), "{filter}");
        let made: Vec<usize> = walk(&catalog.shop, &filter, "NEWEST", 6)
            .await
            .iter()
            .map(|slug| catalog.products.iter().position(|it| it.0 == *slug).unwrap())
            .collect();
        assert!(made.iter().rev().is_sorted(), "{filter}");
    }
}

#[tokio::test]
async fn a_page_goes_on_where_the_last_one_ended_although_products_come_and_go() {
    let shop = Shop::open().await;
    let mut made = Vec::new();
    for n in 0..6 {
        made.push(shop.product(&format!("p{n}"), 1000 + n * 100, 1).await.0);
    }
    let page = async |after: Value| {
        let variables = json!({ "sort": "PRICE_ASC", "first": 2, "after": after });
        shop.ask_with(PAGE, variables).await["products"].clone()
    };
    let first = page(Value::Null).await;
    shop.product("cheaper", 1, 1).await;
    let delete = "mutation ($id: UUID!) { productDelete(id: $id) { deletedId } }";
    shop.staff(delete, json!({ "id": made[1] })).await;
    let second = page(first["pageInfo"]["endCursor"].clone()).await;
    let slugs: Vec<_> = second["edges"].as_array().unwrap().iter().map(|edge| edge["node"]["slug"].clone()).collect();
    assert_eq!(slugs, ["p2", "p3"]);
}

#[tokio::test]
async fn the_best_match_comes_first() {
    let shop = Shop::open().await;
    for (name, description) in [
        ("Walnut spoon", "Turned from oak offcuts."),
        ("Oak board", "One plank of oak."),
        ("Steel pan", "For the stove."),
    ] {
        let query = "mutation ($name: String!, $text: String!) {
            productCreate(input: { name: $name, description: $text }) { userErrors { code } } }";
        shop.staff(query, json!({ "name": name, "text": description })).await;
    }
    let found = async |query: &str| walk(&shop, &json!({ "query": query }), "RELEVANCE", 10).await;
    assert_eq!(found("oak").await, ["oak-board", "walnut-spoon"]);
    assert_eq!(found("planks").await, ["oak-board"]);
    assert_eq!(found("oak -walnut").await, ["oak-board"]);
    assert_eq!(found("pan or spoon").await.len(), 2);
    assert_eq!(found("the").await, Vec::<String>::new());
    for odd in ["'", "\"", "a & | ! ( )", ":*", "\\", "%_", "🪵"] {
        found(odd).await;
    }
}

#[tokio::test]
async fn ids_choose_products() {
    let shop = Shop::open().await;
    let (one, _) = shop.product("one", 300, 1).await;
    let (two, _) = shop.product("two", 200, 0).await;
    shop.product("three", 100, 1).await;
    let filter = |rest: Value| {
        let mut filter = json!({ "ids": [one, two, Uuid::nil()] });
        filter.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        filter
    };
    assert_eq!(walk(&shop, &filter(json!({})), "PRICE_ASC", 1).await, ["two", "one"]);
    assert_eq!(walk(&shop, &filter(json!({ "inStock": true })), "NAME", 5).await, ["one"]);
    assert_eq!(walk(&shop, &filter(json!({ "query": "two" })), "RELEVANCE", 5).await, ["two"]);
}

async fn refusal(shop: &Shop, variables: Value) -> (u16, Value, Value) {
    let answer = shop.post(&json!({ "query": PAGE, "variables": variables }), None).await;
    let extensions = &answer.body["errors"][0]["extensions"];
    (answer.status, extensions["code"].clone(), extensions["details"][0]["field"].clone())
}

#[tokio::test]
async fn arguments_out_of_range_are_refused_with_their_name() {
    let shop = Shop::open().await;
    for (variables, field) in [
        (json!({ "first": 0 }), "first"),
        (json!({ "first": 101 }), "first"),
        (json!({ "first": -1 }), "first"),
        (json!({ "first": 1, "sort": "RELEVANCE" }), "sort"),
        (json!({ "first": 1, "filter": { "priceMin": -1 } }), "filter.priceMin"),
        (json!({ "first": 1, "filter": { "query": "a\u{0}b" } }), "filter.query"),
        (json!({ "first": 1, "filter": { "query": " " } }), "filter.query"),
        (json!({ "first": 1, "filter": { "query": "x".repeat(201) } }), "filter.query"),
        (json!({ "first": 1, "filter": { "ids": vec![Uuid::nil(); 101] } }), "filter.ids"),
    ] {
        assert_eq!(
            refusal(&shop, variables.clone()).await,
            (200, json!("VALIDATION_FAILED"), json!(field)),
            "{variables}"
        );
    }
    for odd in
        [json!({ "priceMax": i64::MAX }), json!({ "categorySlug": "a\u{0}b" }), json!({ "categoryId": Uuid::nil() })]
    {
        assert_eq!(walk(&shop, &odd, "NEWEST", 1).await, Vec::<String>::new());
    }
    let odd =
        shop.ask_with("query ($slug: String!) { product(slug: $slug) { id } }", json!({ "slug": "a\u{0}b" })).await;
    assert_eq!(odd["product"], Value::Null);
}

#[tokio::test]
async fn a_cursor_that_was_tampered_with_or_is_of_another_order_is_refused() {
    let shop = Shop::open().await;
    for n in 0..3 {
        shop.product(&format!("p{n}"), 100, 1).await;
    }
    let page = shop.ask_with(PAGE, json!({ "first": 1, "sort": "NAME" })).await;
    let cursor = page["products"]["pageInfo"]["endCursor"].as_str().unwrap().to_owned();
    let refused = (200, json!("INVALID_CURSOR"), Value::Null);
    for sort in ["NEWEST", "PRICE_ASC", "PRICE_DESC"] {
        assert_eq!(refusal(&shop, json!({ "first": 1, "sort": sort, "after": cursor })).await, refused);
    }
    for at in (0..cursor.len()).step_by(3) {
        let mut changed: Vec<char> = cursor.chars().collect();
        changed[at] = if changed[at] == 'A' { 'B' } else { 'A' };
        let changed: String = changed.into_iter().collect();
        assert_eq!(refusal(&shop, json!({ "first": 1, "sort": "NAME", "after": changed })).await, refused);
    }
    // Well made, but with what no product has.
    let id = Uuid::now_v7();
    for (sort, forged) in [
        ("NAME", Cursor::encode("products.name", &("a\u{0}b", id))),
        ("NEWEST", Cursor::encode("products.newest", &(chrono::DateTime::<chrono::Utc>::MAX_UTC, id))),
        ("NEWEST", Cursor::encode("products.newest", &(chrono::DateTime::<chrono::Utc>::MIN_UTC, id))),
    ] {
        assert_eq!(refusal(&shop, json!({ "first": 1, "sort": sort, "after": forged.as_str() })).await, refused);
    }
    for odd in [
        Cursor::encode("products.price_asc", &(rust_decimal::Decimal::MAX, id)),
        Cursor::encode("products.price_asc", &(rust_decimal::Decimal::MIN, id)),
    ] {
        let answer = shop
            .post(
                &json!({ "query": PAGE, "variables": { "first": 1, "sort": "PRICE_ASC", "after": odd.as_str() } }),
                None,
            )
            .await;
        assert!(answer.body.get("errors").is_none(), "{}", answer.body);
    }
}
