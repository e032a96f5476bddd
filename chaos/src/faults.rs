//! What is done to the shop, at random, and undone.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;

use crate::shop::Shop;

/// The pause between the end of one fault and the next.
const CALM: std::ops::Range<u64> = 800..4_000;
/// How long something is frozen or cut off.
const LONG: std::ops::Range<u64> = 500..8_000;

/// A part that a fault may hit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// An instance of a role.
    Role(String, usize),
    /// A server beside: `postgres`, `replica`, `redis`, `rabbitmq`.
    Server(&'static str),
    /// The stand-in of the payment provider.
    Payments,
}

/// What happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Killed with SIGKILL; whoever watches over it starts it again.
    Kill,
    /// Stopped with SIGSTOP for a while.
    Freeze,
    /// Nothing passes to or from it for a while.
    Cut,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Role(role, instance) => write!(f, "{role} {instance}"),
            Part::Server(name) => f.write_str(name),
            Part::Payments => f.write_str("payments"),
        }
    }
}

/// How often what was done.
pub type Injected = BTreeMap<(String, Fault), u32>;

/// Hits the shop until `end`, one part after the other. The same seed makes the same choices.
pub async fn inject(shop: &Arc<Shop>, seed: u64, end: Instant) -> Injected {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut injected = Injected::new();
    loop {
        tokio::time::sleep(Duration::from_millis(rng.random_range(CALM))).await;
        let parts = shop.parts();
        let (Some(part), Some(fault)) =
            (parts.choose(&mut rng), [Fault::Kill, Fault::Freeze, Fault::Cut].choose(&mut rng))
        else {
            return injected;
        };
        let long = Duration::from_millis(rng.random_range(LONG));
        if Instant::now() + long > end {
            return injected;
        }
        if hit(shop, part, *fault, long).await {
            let name = match part {
                Part::Role(role, _) => role.clone(),
                part => part.to_string(),
            };
            *injected.entry((name, *fault)).or_insert(0) += 1;
        }
    }
}

/// Whether the part was there to be hit.
async fn hit(shop: &Arc<Shop>, part: &Part, fault: Fault, long: Duration) -> bool {
    let pids = shop.pids(part);
    if pids.is_empty() {
        return false;
    }
    match fault {
        Fault::Kill => {
            eprintln!("    kill   {part}");
            signal(&pids, Signal::KILL);
        }
        Fault::Freeze => {
            eprintln!("    freeze {part} for {} ms", long.as_millis());
            signal(&pids, Signal::STOP);
            tokio::time::sleep(long).await;
            signal(&pids, Signal::CONT);
        }
        Fault::Cut => {
            let Some(proxy) = shop.proxy(part) else { return false };
            eprintln!("    cut    {part} for {} ms", long.as_millis());
            proxy.cut(true);
            tokio::time::sleep(long).await;
            proxy.cut(false);
        }
    }
    true
}

fn signal(pids: &[i32], signal: Signal) {
    for pid in pids.iter().filter_map(|pid| Pid::from_raw(*pid)) {
        // One that has ended since has what it would get.
        let _ = kill_process(pid, signal);
    }
}
