//! A stand-in of the payment provider, in a process of its own so that it can be killed: the few operations of Stripe's API
//! that a shop uses, with a journal on disk, so that what it has promised and charged survives it.
//!
//! | module | holds |
//! |---|---|
//! | [`journal`] | every change as a line of a file; what all lines make together |
//! | [`api`] | the operations, with idempotency keys |
//! | [`events`] | events sent to the shop: signed, now and then twice or late, until they are taken |

pub mod api;
pub mod events;
pub mod journal;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use journal::Journal;

/// Run the stand-in of the payment provider.
#[derive(clap::Args)]
pub struct StandIn {
    /// Where to listen
    #[arg(long)]
    listen: SocketAddr,
    /// File that keeps what happened
    #[arg(long)]
    journal: PathBuf,
    /// Where events go
    #[arg(long)]
    events_to: String,
    /// Secret that events are signed with
    #[arg(long, env = "STAND_IN_SECRET")]
    secret: String,
}

/// What the operations share.
#[derive(Clone)]
pub struct State {
    journal: Arc<Mutex<Journal>>,
}

impl StandIn {
    /// Serves until the process ends.
    pub async fn run(self) -> anyhow::Result<()> {
        let journal = Arc::new(Mutex::new(Journal::open(&self.journal)?));
        let listener = TcpListener::bind(self.listen).await.with_context(|| format!("{} is taken", self.listen))?;
        tokio::spawn(events::send_forever(Arc::clone(&journal), self.events_to, self.secret));
        axum::serve(listener, api::router(State { journal })).await?;
        Ok(())
    }
}
