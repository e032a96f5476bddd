//! What can be followed, and who may.

use axum::extract::ws::Utf8Bytes;
use events::{EventType, REGISTRY};
use kernel::{ErrorKind, Failure, Scope, Scopes};
use uuid::Uuid;

use super::event::Event;

/// What a connection may see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// The signed-in user.
    pub user: Option<Uuid>,
    /// What the token allows.
    pub scopes: Scopes,
}

impl Rights {
    /// Whether every event of `role` may be seen.
    fn sees_all_of(&self, role: &str) -> bool {
        let scope = match role {
            "users" => Scope::ReadUsers,
            "products" => Scope::ReadProducts,
            "orders" => Scope::ReadOrders,
            "webhooks" => Scope::ReadWebhooks,
            _ => return false,
        };
        self.scopes.has(scope)
    }

    fn owns(&self, event: &Event) -> bool {
        event.owner.is_some() && event.owner == self.user
    }
}

/// What a connection follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topic {
    /// `orders`: the caller's own; for staff all.
    Orders,
    /// `order:<id>`.
    Order(Uuid),
    /// `product:<id>`: stock and price, for anyone.
    Product(Uuid),
    /// A kind such as `order.paid`, `order.*` or `*`: for staff.
    Kinds(String),
}

/// By what an event finds who follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// Every event.
    Every,
    /// Events that concern an account.
    Owner(Uuid),
    /// Events of an object.
    Object(Uuid),
    /// Events that concern a product.
    Product(Uuid),
}

impl Topic {
    /// Reads a topic. Error: `UNKNOWN_TOPIC`.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let unknown = || Failure::new(ErrorKind::Invalid, "UNKNOWN_TOPIC", "There is no topic of this name");
        let id = |text: &str| text.parse().map_err(|_| unknown());
        match text.split_once(':') {
            Some(("order", order)) => Ok(Self::Order(id(order)?)),
            Some(("product", product)) => Ok(Self::Product(id(product)?)),
            None if text == "orders" => Ok(Self::Orders),
            None if REGISTRY.iter().any(|kind| matches(text, kind.kind)) => Ok(Self::Kinds(text.to_owned())),
            _ => Err(unknown()),
        }
    }

    /// The roles whose events belong to it, as far as `rights` go. Failures: `TOKEN_MISSING`, `SCOPE_MISSING`.
    pub fn sources(&self, rights: &Rights) -> Result<Vec<&'static str>, Failure> {
        match self {
            Self::Product(_) => return Ok(vec!["products"]),
            Self::Orders | Self::Order(_) if rights.user.is_some() => return Ok(vec!["orders"]),
            Self::Orders | Self::Order(_) | Self::Kinds(_) if rights.user.is_none() => {
                let message = "This topic needs an access token; authenticate first";
                return Err(Failure::new(ErrorKind::Unauthenticated, "TOKEN_MISSING", message));
            }
            _ => {}
        }
        let mut roles: Vec<&str> = self.kinds().map(|kind| kind.role).filter(|role| rights.sees_all_of(role)).collect();
        roles.dedup();
        if roles.is_empty() {
            let message = "The access token does not allow this topic";
            return Err(Failure::new(ErrorKind::Forbidden, "SCOPE_MISSING", message));
        }
        Ok(roles)
    }

    fn kinds(&self) -> impl Iterator<Item = &'static EventType> {
        REGISTRY.iter().filter(move |kind| matches!(self, Self::Kinds(pattern) if matches(pattern, kind.kind)))
    }

    /// By what its events are found.
    pub fn key(&self, rights: &Rights) -> Key {
        match (self, rights.user) {
            (Self::Orders, Some(user)) if !rights.sees_all_of("orders") => Key::Owner(user),
            (Self::Orders | Self::Kinds(_), _) => Key::Every,
            (Self::Order(id), _) => Key::Object(*id),
            (Self::Product(id), _) => Key::Product(*id),
        }
    }

    /// What of `event` is sent to who follows this with `rights`.
    pub fn frame<'a>(&self, rights: &Rights, event: &'a Event) -> Option<&'a Utf8Bytes> {
        let kind = event.kind?;
        let staff = rights.sees_all_of(kind.role);
        let order =
            |matches: bool| (kind.role == "orders" && matches && (staff || rights.owns(event))).then_some(&event.full);
        match self {
            Self::Orders => order(true),
            Self::Order(id) => order(event.object_id == *id),
            Self::Product(id) if event.product != Some(*id) => None,
            Self::Product(_) if staff => Some(&event.full),
            Self::Product(_) => event.public.as_ref(),
            Self::Kinds(pattern) => (staff && matches(pattern, kind.kind)).then_some(&event.full),
        }
    }
}

/// Whether `kind` is what `pattern` says: itself, its object's `order.*`, or `*`.
fn matches(pattern: &str, kind: &str) -> bool {
    pattern == "*"
        || pattern == kind
        || pattern.strip_suffix('*').is_some_and(|p| p.ends_with('.') && kind.starts_with(p))
}

impl Event {
    /// By what it finds who follows it.
    pub(super) fn keys(&self) -> impl Iterator<Item = Key> {
        let owner = self.owner.map(Key::Owner);
        let product = self.product.map(Key::Product);
        [Some(Key::Every), Some(Key::Object(self.object_id)), owner, product].into_iter().flatten()
    }
}
