//! What must never be found in the role's tables.

use sqlx::PgConnection;
use uuid::Uuid;

/// A rule that a row breaks.
pub struct Violation {
    /// Short name of the rule.
    pub rule: String,
    /// The order or cart concerned.
    pub id: Uuid,
}

/// Rows that break a rule, up to `limit`.
pub async fn violations(conn: &mut PgConnection, limit: i64) -> Result<Vec<Violation>, sqlx::Error> {
    sqlx::query_as!(
        Violation,
        r#"SELECT rule AS "rule!", id AS "id!" FROM (
               SELECT 'lines_do_not_add_up' AS rule, o.id FROM orders o
               WHERE (items_amount, tax_amount - shipping_tax_amount) <>
                     (SELECT coalesce(sum(l.amount), 0), coalesce(sum(l.tax_amount), 0) FROM order_lines l WHERE l.order_id = o.id)
               UNION ALL
               SELECT 'placed_without_payment', o.id FROM orders o
               WHERE state IN ('placed', 'fulfilled') AND total_amount <>
                     (SELECT coalesce(sum(p.amount), 0) FROM payments p WHERE p.order_id = o.id AND p.state <> 'voided')
               UNION ALL
               SELECT 'cancelled_but_money_kept', o.id FROM orders o JOIN payments p ON p.order_id = o.id
               WHERE o.state = 'cancelled' AND (p.state IN ('authorised', 'capturing') OR p.captured_amount > p.refunded_amount)
               UNION ALL
               SELECT 'refunds_differ_from_payment', p.order_id FROM payments p
               WHERE p.refunded_amount <> (SELECT coalesce(sum(r.amount), 0) FROM refunds r
                                           WHERE r.payment_id = p.id AND r.state <> 'failed')
               UNION ALL
               SELECT 'fulfilled_differs_from_fulfillments', l.order_id FROM order_lines l
               WHERE l.fulfilled_quantity <> (
                   SELECT coalesce(sum((part->>'quantity')::bigint), 0)
                   FROM fulfillments f CROSS JOIN jsonb_array_elements(f.lines) part
                   WHERE f.order_id = l.order_id AND part->>'line_id' = l.id::text)
               UNION ALL
               SELECT 'checkout_stuck', order_id FROM checkouts
               WHERE state IN ('running', 'undoing') AND lease_until < now() - interval '5 minutes'
               UNION ALL
               SELECT 'settling_stuck', id FROM orders WHERE pending_since < now() - interval '5 minutes'
               UNION ALL
               SELECT 'pending_without_checkout', o.id FROM orders o
               WHERE o.state = 'pending' AND NOT EXISTS (
                   SELECT 1 FROM checkouts c WHERE c.order_id = o.id AND c.state IN ('running', 'undoing'))
               UNION ALL
               SELECT 'cart_without_its_order', c.id FROM carts c
               WHERE c.state = 'completed' AND NOT EXISTS (
                   SELECT 1 FROM orders o WHERE o.id = c.order_id AND o.placed_at IS NOT NULL)
               UNION ALL
               SELECT 'payment_not_looked_at', cart_id FROM payment_sessions WHERE look_at < now() - interval '5 minutes'
               UNION ALL
               SELECT 'payment_notice_stuck', id FROM payment_notices
               WHERE next_try_at IS NOT NULL AND created_at < now() - interval '15 minutes'
               UNION ALL
               SELECT 'payment_differs_from_provider', p.order_id
               FROM payment_notices n JOIN payments p USING (provider, provider_ref)
               WHERE n.difference IS NOT NULL AND p.updated_at < n.updated_at
           ) AS found ORDER BY 1, 2 LIMIT $1"#,
        limit
    )
    .fetch_all(conn)
    .await
}
