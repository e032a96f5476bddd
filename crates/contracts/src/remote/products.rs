//! The contract of products over gRPC.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use kernel::{Context, Currency, Failure, Money};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::proto::products as proto;
use super::proto::products::products_service_client::ProductsServiceClient;
use super::proto::products::products_service_server::{ProductsService, ProductsServiceServer};
use super::{Upstream, wire};
use crate::products::{Products, ReservationState, ReserveStock, Reserved, Shortage, StockLine, VariantQuote};

/// The gRPC service of the role in this process.
pub fn service(role: Arc<dyn Products>) -> Router {
    super::router(ProductsServiceServer::new(Service(role)))
}

/// The role in other processes.
pub(crate) struct Remote(pub(crate) Upstream);

struct Service(Arc<dyn Products>);

#[async_trait]
impl Products for Remote {
    async fn quote(
        &self,
        context: &Context,
        currency: Currency,
        variants: Vec<Uuid>,
    ) -> Result<Vec<VariantQuote>, Failure> {
        let message = proto::QuoteRequest { currency: currency.to_string(), variant_ids: wire::texts(&variants) };
        let answer = self
            .0
            .call(context, message, async |channel, request| ProductsServiceClient::new(channel).quote(request).await);
        answer.await?.quotes.into_iter().map(VariantQuote::try_from).collect()
    }

    async fn reserve(&self, context: &Context, command: ReserveStock) -> Result<Reserved, Failure> {
        let lines = command
            .lines
            .iter()
            .map(|line| proto::StockLine { variant_id: line.variant_id.to_string(), quantity: line.quantity });
        let message = proto::ReserveRequest {
            order_id: command.order_id.to_string(),
            lines: lines.collect(),
            expires_at: Some(wire::timestamp(command.expires_at)),
        };
        let answer = self.0.call(context, message, async |channel, request| {
            ProductsServiceClient::new(channel).reserve(request).await
        });
        let shortages = answer.await?.shortages.into_iter().map(Shortage::try_from).collect::<Result<Vec<_>, _>>()?;
        Ok(if shortages.is_empty() { Reserved::Yes } else { Reserved::Short(shortages) })
    }

    async fn commit(&self, context: &Context, order_id: Uuid) -> Result<(), Failure> {
        let message = proto::CommitRequest { order_id: order_id.to_string() };
        let answer = self
            .0
            .call(context, message, async |channel, request| ProductsServiceClient::new(channel).commit(request).await);
        answer.await.map(|proto::CommitResponse {}| ())
    }

    async fn release(&self, context: &Context, order_id: Uuid) -> Result<(), Failure> {
        let message = proto::ReleaseRequest { order_id: order_id.to_string() };
        let answer = self.0.call(context, message, async |channel, request| {
            ProductsServiceClient::new(channel).release(request).await
        });
        answer.await.map(|proto::ReleaseResponse {}| ())
    }

    async fn reservations(
        &self,
        context: &Context,
        orders: Vec<Uuid>,
    ) -> Result<Vec<(Uuid, ReservationState)>, Failure> {
        let message = proto::ReservationsRequest { order_ids: wire::texts(&orders) };
        let answer = self.0.call(context, message, async |channel, request| {
            ProductsServiceClient::new(channel).reservations(request).await
        });
        answer.await?.reservations.iter().map(reservation).collect()
    }

    async fn reserved_orders(
        &self,
        context: &Context,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<(Uuid, ReservationState)>, Failure> {
        let message = proto::ReservedOrdersRequest { after: after.map(|id| id.to_string()), limit };
        let answer = self.0.call(context, message, async |channel, request| {
            ProductsServiceClient::new(channel).reserved_orders(request).await
        });
        answer.await?.reservations.iter().map(reservation).collect()
    }
}

#[async_trait]
impl ProductsService for Service {
    async fn quote(&self, request: Request<proto::QuoteRequest>) -> Result<Response<proto::QuoteResponse>, Status> {
        wire::answer(request, async |context, message| {
            let variants = wire::ids("variant_ids", &message.variant_ids)?;
            let quotes = self.0.quote(&context, wire::currency(&message.currency)?, variants).await?;
            Ok(proto::QuoteResponse { quotes: quotes.into_iter().map(proto::VariantQuote::from).collect() })
        })
        .await
    }

    async fn reserve(
        &self,
        request: Request<proto::ReserveRequest>,
    ) -> Result<Response<proto::ReserveResponse>, Status> {
        wire::answer(request, async |context, message| {
            let line = |line: &proto::StockLine| {
                Ok(StockLine { variant_id: wire::id("lines", &line.variant_id)?, quantity: line.quantity })
            };
            let command = ReserveStock {
                order_id: wire::id("order_id", &message.order_id)?,
                lines: message.lines.iter().map(line).collect::<Result<_, Failure>>()?,
                expires_at: wire::time("expires_at", message.expires_at)?,
            };
            let shortages = match self.0.reserve(&context, command).await? {
                Reserved::Yes => Vec::new(),
                Reserved::Short(shortages) => shortages,
            };
            Ok(proto::ReserveResponse { shortages: shortages.into_iter().map(proto::Shortage::from).collect() })
        })
        .await
    }

    async fn commit(&self, request: Request<proto::CommitRequest>) -> Result<Response<proto::CommitResponse>, Status> {
        wire::answer(request, async |context, message| {
            self.0.commit(&context, wire::id("order_id", &message.order_id)?).await?;
            Ok(proto::CommitResponse {})
        })
        .await
    }

    async fn release(
        &self,
        request: Request<proto::ReleaseRequest>,
    ) -> Result<Response<proto::ReleaseResponse>, Status> {
        wire::answer(request, async |context, message| {
            self.0.release(&context, wire::id("order_id", &message.order_id)?).await?;
            Ok(proto::ReleaseResponse {})
        })
        .await
    }

    async fn reservations(
        &self,
        request: Request<proto::ReservationsRequest>,
    ) -> Result<Response<proto::ReservationsResponse>, Status> {
        wire::answer(request, async |context, message| {
            let orders = wire::ids("order_ids", &message.order_ids)?;
            let reservations = self.0.reservations(&context, orders).await?;
            Ok(proto::ReservationsResponse {
                reservations: reservations.into_iter().map(reservation_message).collect(),
            })
        })
        .await
    }

    async fn reserved_orders(
        &self,
        request: Request<proto::ReservedOrdersRequest>,
    ) -> Result<Response<proto::ReservedOrdersResponse>, Status> {
        wire::answer(request, async |context, message| {
            let after = message.after.map(|id| wire::id("after", &id)).transpose()?;
            let reservations = self.0.reserved_orders(&context, after, message.limit).await?;
            Ok(proto::ReservedOrdersResponse {
                reservations: reservations.into_iter().map(reservation_message).collect(),
            })
        })
        .await
    }
}

impl From<VariantQuote> for proto::VariantQuote {
    fn from(quote: VariantQuote) -> Self {
        Self {
            variant_id: quote.variant_id.to_string(),
            product_id: quote.product_id.to_string(),
            sku: quote.sku,
            product_handle: quote.product_handle,
            product_name: quote.product_name,
            variant_name: quote.variant_name,
            unit_price: quote
                .unit_price
                .map(|price| proto::Money { minor_units: price.amount, currency: price.currency.to_string() }),
            available: quote.available,
            weight_grams: quote.weight_grams,
        }
    }
}

impl TryFrom<proto::VariantQuote> for VariantQuote {
    type Error = Failure;

    fn try_from(quote: proto::VariantQuote) -> Result<Self, Failure> {
        let price = |price: proto::Money| {
            wire::currency(&price.currency).map(|currency| Money::new(price.minor_units, currency))
        };
        Ok(Self {
            variant_id: wire::id("variant_id", &quote.variant_id)?,
            product_id: wire::id("product_id", &quote.product_id)?,
            sku: quote.sku,
            product_handle: quote.product_handle,
            product_name: quote.product_name,
            variant_name: quote.variant_name,
            unit_price: quote.unit_price.map(price).transpose()?,
            available: quote.available,
            weight_grams: quote.weight_grams,
        })
    }
}

impl From<Shortage> for proto::Shortage {
    fn from(Shortage { variant_id, wanted, available }: Shortage) -> Self {
        Self { variant_id: variant_id.to_string(), wanted, available }
    }
}

impl TryFrom<proto::Shortage> for Shortage {
    type Error = Failure;

    fn try_from(proto::Shortage { variant_id, wanted, available }: proto::Shortage) -> Result<Self, Failure> {
        Ok(Self { variant_id: wire::id("variant_id", &variant_id)?, wanted, available })
    }
}

fn reservation_message((order_id, state): (Uuid, ReservationState)) -> proto::Reservation {
    let state = match state {
        ReservationState::Reserved => proto::ReservationState::Reserved,
        ReservationState::Committed => proto::ReservationState::Committed,
        ReservationState::Released => proto::ReservationState::Released,
    };
    proto::Reservation { order_id: order_id.to_string(), state: state.into() }
}

fn reservation(reservation: &proto::Reservation) -> Result<(Uuid, ReservationState), Failure> {
    let state = match reservation.state() {
        proto::ReservationState::Reserved => ReservationState::Reserved,
        proto::ReservationState::Committed => ReservationState::Committed,
        proto::ReservationState::Released => ReservationState::Released,
        proto::ReservationState::Unspecified => return Err(wire::unreadable("state")),
    };
    Ok((wire::id("order_id", &reservation.order_id)?, state))
}
