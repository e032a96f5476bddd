//! What `doctor` finds.

use crate::support::App;

#[tokio::test]
async fn each_broken_rule_is_found_with_its_user() {
    let app = App::new().await;
    for (email, damage, rule) in [
        ("a@example.com", "DELETE FROM data_keys WHERE subject_id = $1", "user_without_data_key"),
        (
            "b@example.com",
            "UPDATE users SET deleted_at = now(), email = NULL, email_index = NULL, password_hash = NULL,
                              first_name = NULL, last_name = NULL, phone = NULL WHERE id = $1",
            "data_key_of_deleted_user",
        ),
        ("c@example.com", "UPDATE users SET status = 'suspended' WHERE id = $1", "session_of_closed_user"),
        ("d@example.com", "UPDATE users SET version = 7 WHERE id = $1", "version_differs_from_events"),
    ] {
        let user = app.customer(email).await;
        app.assert_nothing_found_about(&user.user_id).await;
        let id: uuid::Uuid = user.user_id.parse().unwrap();
        sqlx::query(damage).bind(id).execute(app.db.owner()).await.unwrap();
        let found = users::ops::find_violations(&app.users).await.unwrap();
        assert!(found.iter().any(|violation| violation.user_id == id && violation.rule == rule), "{rule}: {found:?}");
    }
}
