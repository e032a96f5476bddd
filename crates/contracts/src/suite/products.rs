//! What products promises.

use chrono::{TimeDelta, Utc};
use kernel::{Currency, ErrorKind, Money};
use uuid::Uuid;

use super::{assert_late, assert_refused, context, expired};
use crate::products::{ProductsClient, ReservationState, ReserveStock, Reserved, Shortage, StockLine};

/// A variant that products must know: at least five of it can be sold.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Its id.
    pub variant_id: Uuid,
    /// What one costs.
    pub price: Money,
    /// A currency that it isn't sold in.
    pub other_currency: Currency,
    /// How many can be sold.
    pub available: i64,
}

/// What products promises. Leaves two units less that can be sold.
pub async fn products(client: &ProductsClient, offer: &Offer) {
    quotes(client, offer).await;
    a_reservation_is_all_or_nothing_and_names_what_is_short(client, offer).await;
    what_cannot_be_meant_is_refused_by_field(client, offer).await;
    what_comes_too_late_is_refused(client, offer).await;
    nothing_is_done_for_who_waits_no_longer(client, offer).await;
    assert_eq!(available(client, offer).await, offer.available, "nothing was reserved so far");
    reservations_end_as_they_are_told(client, offer).await;
    assert_eq!(available(client, offer).await, offer.available - 2);
}

fn command(order_id: Uuid, lines: &[(Uuid, i64)]) -> ReserveStock {
    let lines = lines.iter().map(|(variant_id, quantity)| StockLine { variant_id: *variant_id, quantity: *quantity });
    ReserveStock { order_id, lines: lines.collect(), expires_at: Utc::now() + TimeDelta::minutes(5) }
}

async fn available(client: &ProductsClient, offer: &Offer) -> i64 {
    client.quote(&context(), offer.price.currency, vec![offer.variant_id]).await.unwrap()[0].available
}

async fn quotes(client: &ProductsClient, offer: &Offer) {
    let wanted = vec![offer.variant_id, Uuid::now_v7()];
    let quotes = client.quote(&context(), offer.price.currency, wanted.clone()).await.unwrap();
    assert_eq!(quotes.len(), 1, "a variant that doesn't exist is missing");
    assert_eq!((quotes[0].variant_id, quotes[0].unit_price), (offer.variant_id, Some(offer.price)));
    assert_eq!(quotes[0].available, offer.available);
    let elsewhere = client.quote(&context(), offer.other_currency, wanted).await.unwrap();
    assert_eq!(elsewhere.len(), 1);
    assert!(elsewhere.iter().all(|quote| quote.unit_price.is_none()));
    assert_eq!(client.quote(&context(), offer.price.currency, Vec::new()).await, Ok(Vec::new()));
}

async fn a_reservation_is_all_or_nothing_and_names_what_is_short(client: &ProductsClient, offer: &Offer) {
    let (available, unknown) = (offer.available, Uuid::now_v7());
    // Lines of one variant are summed.
    let lines = [(offer.variant_id, available), (unknown, 1), (offer.variant_id, 7)];
    let order = Uuid::now_v7();
    for _ in 0..2 {
        let outcome = client.reserve(&context(), command(order, &lines)).await.unwrap();
        let Reserved::Short(mut shortages) = outcome else { panic!("{outcome:?}") };
        shortages.sort_by_key(|shortage| -shortage.wanted);
        let short = |variant_id, wanted, available| Shortage { variant_id, wanted, available };
        assert_eq!(shortages, [short(offer.variant_id, available + 7, available), short(unknown, 1, 0)]);
    }
    assert_eq!(client.reservations(&context(), vec![order]).await, Ok(Vec::new()));
}

async fn what_cannot_be_meant_is_refused_by_field(client: &ProductsClient, offer: &Offer) {
    let variant = offer.variant_id;
    for (lines, field) in [
        (vec![], "lines"),
        (vec![(variant, 1); 1001], "lines"),
        (vec![(variant, 1), (variant, 0)], "lines[1].quantity"),
        (vec![(variant, -1)], "lines[0].quantity"),
        (vec![(variant, i64::MAX)], "lines[0].quantity"),
    ] {
        let refused = client.reserve(&context(), command(Uuid::now_v7(), &lines)).await.unwrap_err();
        assert_refused(&refused, ErrorKind::Invalid, "VALIDATION_FAILED");
        assert_eq!((&*refused.details[0].field, &*refused.details[0].code), (field, "OUT_OF_RANGE"));
    }
    let many = vec![Uuid::now_v7(); 1001];
    for refused in [
        client.reservations(&context(), many.clone()).await.unwrap_err(),
        client.quote(&context(), offer.price.currency, many).await.unwrap_err(),
    ] {
        assert_refused(&refused, ErrorKind::Invalid, "VALIDATION_FAILED");
        assert_eq!((&*refused.details[0].field, &*refused.details[0].code), ("ids", "TOO_MANY"));
    }
}

async fn what_comes_too_late_is_refused(client: &ProductsClient, offer: &Offer) {
    let unknown = client.commit(&context(), Uuid::now_v7()).await.unwrap_err();
    assert_refused(&unknown, ErrorKind::Conflict, "RESERVATION_ENDED");

    let past = ReserveStock { expires_at: Utc::now(), ..command(Uuid::now_v7(), &[(offer.variant_id, 1)]) };
    let refused = client.reserve(&context(), past).await.unwrap_err();
    assert_refused(&refused, ErrorKind::Conflict, "RESERVATION_ENDED");

    // The reservation overtaken by its release.
    let order = Uuid::now_v7();
    for _ in 0..2 {
        assert_eq!(client.release(&context(), order).await, Ok(()));
    }
    let overtaken = client.reserve(&context(), command(order, &[(offer.variant_id, 1)])).await.unwrap_err();
    assert_refused(&overtaken, ErrorKind::Conflict, "RESERVATION_ENDED");
}

async fn nothing_is_done_for_who_waits_no_longer(client: &ProductsClient, offer: &Offer) {
    let (late, order) = (expired(), Uuid::now_v7());
    let lines = command(order, &[(offer.variant_id, 1)]);
    assert_late(client.quote(&late, offer.price.currency, vec![offer.variant_id]).await);
    assert_late(client.reserve(&late, lines).await);
    assert_late(client.commit(&late, order).await);
    assert_late(client.release(&late, order).await);
    assert_late(client.reservations(&late, vec![order]).await);
    assert_late(client.reserved_orders(&late, None, 1).await);
    assert_eq!(client.reservations(&context(), vec![order]).await, Ok(Vec::new()));
}

async fn reservations_end_as_they_are_told(client: &ProductsClient, offer: &Offer) {
    let (kept, given_back, put_back) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    // Whoever lost the answer asks again.
    for _ in 0..2 {
        for (order, quantity) in [(kept, 2), (given_back, 1), (put_back, 1)] {
            let reserved = client.reserve(&context(), command(order, &[(offer.variant_id, quantity)])).await;
            assert_eq!(reserved, Ok(Reserved::Yes));
        }
    }
    let states = client.reservations(&context(), vec![kept]).await;
    assert_eq!(states, Ok(vec![(kept, ReservationState::Reserved)]));
    for _ in 0..2 {
        client.commit(&context(), kept).await.unwrap();
        client.release(&context(), given_back).await.unwrap();
    }
    // A committed one too: its order was cancelled before it was fulfilled.
    client.commit(&context(), put_back).await.unwrap();
    client.release(&context(), put_back).await.unwrap();
    for ended in [given_back, put_back] {
        let refused = client.commit(&context(), ended).await.unwrap_err();
        assert_refused(&refused, ErrorKind::Conflict, "RESERVATION_ENDED");
    }

    let orders = vec![kept, given_back, put_back, Uuid::now_v7()];
    let mut states = client.reservations(&context(), orders).await.unwrap();
    states.sort_by_key(|(order, _)| *order);
    let released = ReservationState::Released;
    assert_eq!(states, [(kept, ReservationState::Committed), (given_back, released), (put_back, released)]);
    let holding = client.reserved_orders(&context(), None, 1000).await.unwrap();
    assert!(holding.contains(&(kept, ReservationState::Committed)));
    assert!(holding.is_sorted_by_key(|(order, _)| *order));
    assert!(holding.iter().all(|(order, _)| *order != given_back && *order != put_back));
    let behind = client.reserved_orders(&context(), Some(kept), 1000).await.unwrap();
    assert!(behind.iter().all(|(order, _)| *order > kept));
    assert_eq!(client.reserved_orders(&context(), None, 0).await, Ok(Vec::new()));
}
