//! The contract of users over gRPC.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use crypto::Jwks;
use kernel::{Context, Failure};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::proto::users as proto;
use super::proto::users::users_service_client::UsersServiceClient;
use super::proto::users::users_service_server::{UsersService, UsersServiceServer};
use super::{Upstream, wire};
use crate::users::{Contact, Users};

/// The gRPC service of the role in this process.
pub fn service(role: Arc<dyn Users>) -> Router {
    super::router(UsersServiceServer::new(Service(role)))
}

/// The role in other processes.
pub(crate) struct Remote(pub(crate) Upstream);

struct Service(Arc<dyn Users>);

#[async_trait]
impl Users for Remote {
    async fn contact(&self, context: &Context, user_id: Uuid) -> Result<Contact, Failure> {
        let message = proto::ContactRequest { user_id: user_id.to_string() };
        let answer = self
            .0
            .call(context, message, async |channel, request| UsersServiceClient::new(channel).contact(request).await);
        let answer = answer.await?;
        Ok(Contact { user_id: wire::id("user_id", &answer.user_id)?, email: answer.email })
    }

    async fn jwks(&self, context: &Context) -> Result<Jwks, Failure> {
        let answer = self.0.call(context, proto::JwksRequest {}, async |channel, request| {
            UsersServiceClient::new(channel).jwks(request).await
        });
        serde_json::from_str(&answer.await?.json).map_err(|_| wire::unreadable("json"))
    }
}

#[async_trait]
impl UsersService for Service {
    async fn contact(
        &self,
        request: Request<proto::ContactRequest>,
    ) -> Result<Response<proto::ContactResponse>, Status> {
        wire::answer(request, async |context, message| {
            let contact = self.0.contact(&context, wire::id("user_id", &message.user_id)?).await?;
            Ok(proto::ContactResponse { user_id: contact.user_id.to_string(), email: contact.email })
        })
        .await
    }

    async fn jwks(&self, request: Request<proto::JwksRequest>) -> Result<Response<proto::JwksResponse>, Status> {
        wire::answer(request, async |context, proto::JwksRequest {}| {
            let keys = self.0.jwks(&context).await?;
            let json = serde_json::to_string(&keys).map_err(|_| Failure::internal())?;
            Ok(proto::JwksResponse { json })
        })
        .await
    }
}
