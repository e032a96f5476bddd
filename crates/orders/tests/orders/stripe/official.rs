//! Signatures, checked against Stripe's own library.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};
use test_kit::stripe::{WEBHOOK_SECRET, python};

use super::{NOTICES, PATIENCE, StripeShop};

/// Reads one object a line; answers each with one line.
fn ask(program: &str, lines: &[Value]) -> Vec<String> {
    let mut process =
        Command::new(python()).args(["-c", program]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = process.stdin.take().unwrap();
    for line in lines {
        writeln!(input, "{line}").unwrap();
    }
    drop(input);
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

const CONSTRUCT: &str = "
import json, sys, stripe
for line in sys.stdin:
    sent = json.loads(line)
    print(stripe.Webhook.construct_event(sent['body'], sent['signature'], sent['secret'])['type'])
";

const SIGN: &str = "
import json, sys, time, stripe
for line in sys.stdin:
    sent = json.loads(line)
    now = int(time.time())
    print('t=%d,v1=%s' % (now, stripe.WebhookSignature._compute_signature('%d.%s' % (now, sent['body']), sent['secret'])))
";

#[tokio::test]
async fn stripes_library_accepts_the_stand_ins_events_and_the_shop_what_it_signs() {
    let open = StripeShop::open(6).await;
    let (guest, staff) = (open.shop.guest(), open.shop.staff());
    let order = open.order(&guest).await;
    staff.capture(&order).await.data(200);
    // localstripe's own event comes a second after the capture.
    let give_up = Instant::now() + PATIENCE;
    let own = |body: &[u8]| !String::from_utf8_lossy(body).contains("evt_layer_");
    while !open.stripe.hooks().sent().iter().any(|sent| own(&sent.body)) {
        assert!(Instant::now() < give_up, "localstripe tells of the capture");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let sent = open.stripe.hooks().sent();
    let line = |sent: &test_kit::stripe::hooks::Sent| json!({ "body": String::from_utf8_lossy(&sent.body), "signature": sent.signature, "secret": WEBHOOK_SECRET });
    let kinds = ask(CONSTRUCT, &sent.iter().map(line).collect::<Vec<_>>());
    assert_eq!(kinds, ["payment_intent.amount_capturable_updated", "payment_intent.succeeded"]);

    let body = json!({ "id": "evt_signed_by_the_library", "type": "charge.refunded",
                       "data": { "object": { "id": "ch_1", "payment_intent": "pi_1" } } });
    let body = body.to_string();
    for (secret, status) in [(WEBHOOK_SECRET, 204), ("whsec_other", 400)] {
        let signature = ask(SIGN, &[json!({ "body": body, "secret": secret })]).remove(0);
        let headers = [("stripe-signature", signature.as_str()), ("content-type", "application/json")];
        assert_eq!(guest.raw(Method::POST, NOTICES, &headers, body.clone()).await.status, status);
    }
}
