//! What other roles may ask.

use std::sync::Arc;

use async_trait::async_trait;
use contracts::event_log::{EventLog, PAGE_LIMIT};
use contracts::users::Contact;
use crypto::Jwks;
use events::Envelope;
use kernel::{Context, Failure};
use uuid::Uuid;

use crate::{Users, ops};

#[async_trait]
impl contracts::users::Users for Users {
    async fn contact(&self, _: &Context, user_id: Uuid) -> Result<Contact, Failure> {
        let user = ops::contact(self, user_id).await?;
        Ok(Contact { user_id, email: user.email.as_str().to_owned() })
    }

    async fn jwks(&self, _: &Context) -> Result<Jwks, Failure> {
        Ok(self.signer.jwks().clone())
    }
}

#[async_trait]
impl EventLog for Users {
    async fn events_after(&self, _: &Context, after: i64, limit: u32) -> Result<Vec<Arc<Envelope>>, Failure> {
        let events = messaging::log::published_after(&self.db, after, limit.min(PAGE_LIMIT)).await;
        events.map_err(|error| pg::failure(&error))
    }

    async fn last_sequence(&self, _: &Context) -> Result<i64, Failure> {
        messaging::log::last_sequence(&self.db).await.map_err(|error| pg::failure(&error))
    }
}
