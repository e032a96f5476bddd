//! A stand-in for Stripe: `localstripe`, which others wrote, behind a layer of ours that does what it leaves out and that
//! fails when told to.
//!
//! | module | holds |
//! |---|---|
//! | [`child`] | localstripe as a child process |
//! | [`layer`] | between shop and localstripe: keys, faults, what localstripe leaves out |
//! | [`fault`] | the faults, by order or by chance |
//! | [`hooks`] | webhooks: lost, doubled, out of order |
//! | [`browser`] | what a customer's browser does at Stripe |
//! | [`books`] | who paid what |
//!
//! localstripe leaves out: keys, declines of the generic test card, refunds beyond what was charged, and most webhooks.

pub mod books;
pub mod browser;
mod child;
pub mod fault;
pub mod hooks;
mod layer;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::task::JoinHandle;

pub use self::books::Book;
pub use self::browser::{Card, Paid};
pub use self::child::python;
pub use self::fault::{Fault, Faults};
pub use self::hooks::Hooks;

use self::child::Localstripe;
use self::layer::Layer;

/// The key that the shop calls with.
pub const SECRET_KEY: &str = "sk_test_stand_in";
/// What webhooks are signed with.
pub const WEBHOOK_SECRET: &str = "whsec_stand_in";

/// See the module. Ends with this value.
pub struct StandIn {
    layer: Arc<Layer>,
    address: SocketAddr,
    serving: JoinHandle<()>,
    _child: Localstripe,
}

impl StandIn {
    /// Starts one on free ports. `seed` decides what happens by chance.
    pub async fn start(seed: u64) -> Self {
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let child = Localstripe::start().await;
        let layer = Arc::new(Layer::new(child.address(), seed));
        let (address, serving) = layer::serve(Arc::clone(&layer)).await;
        layer.listen_to_webhooks(address).await;
        Self { layer, address, serving, _child: child }
    }

    /// Where the shop finds it: `orders.stripe.api_base`.
    pub fn api_base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What goes wrong with the shop's calls.
    pub fn faults(&self) -> &Faults {
        &self.layer.faults
    }

    /// What goes wrong with webhooks, and where they go.
    pub fn hooks(&self) -> &Hooks {
        &self.layer.hooks
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
