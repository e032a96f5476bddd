//! What other roles may ask.

use async_trait::async_trait;
use contracts::users::Contact;
use kernel::{Context, Failure};
use uuid::Uuid;

use crate::{Users, ops};

#[async_trait]
impl contracts::users::Users for Users {
    async fn contact(&self, _: &Context, user_id: Uuid) -> Result<Contact, Failure> {
        let user = ops::contact(self, user_id).await?;
        Ok(Contact { user_id, email: user.email.as_str().to_owned() })
    }
}
