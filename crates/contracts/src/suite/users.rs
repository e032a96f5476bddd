//! What users promises.

use kernel::ErrorKind;
use uuid::Uuid;

use super::{assert_late, assert_refused, context, expired};
use crate::users::{Contact, UsersClient};

/// What users promises, of an account that it has.
pub async fn users(client: &UsersClient, known: &Contact) {
    for _ in 0..2 {
        assert_eq!(client.contact(&context(), known.user_id).await.as_ref(), Ok(known));
    }
    for unknown in [Uuid::now_v7(), Uuid::nil()] {
        let refused = client.contact(&context(), unknown).await.unwrap_err();
        assert_refused(&refused, ErrorKind::NotFound, "USER_NOT_FOUND");
    }
    let keys = client.jwks(&context()).await.unwrap();
    assert!(!keys.keys.is_empty());
    assert_eq!(client.jwks(&context()).await.unwrap().keys, keys.keys);
    assert_late(client.contact(&expired(), known.user_id).await);
    assert_late(client.jwks(&expired()).await);
}
