//! The instances of a role, and how a call gets its answer from one of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use backon::{BackoffBuilder as _, ExponentialBuilder};
use crypto::InternalSigner;
use kernel::{Context, ErrorKind, Failure};
use metrics::counter;
use tokio::sync::Mutex;
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};
use tower::retry::budget::{Budget as _, TpsBudget};

use super::connector::Address;
use super::instance::Instance;
use super::{failure, meta};
use crate::deadline_exceeded;

/// Most tries of a call.
const MAX_TRIES: usize = 4;
/// Time for a try that can be followed by another.
const TRY_LIMIT: Duration = Duration::from_secs(2);
/// Pauses between tries.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);
/// Repeats: a fifth of the calls of the last ten seconds, and ten a second in any case.
const BUDGET_MEMORY: Duration = Duration::from_secs(10);
const BUDGET_FLOOR: u32 = 10;
const BUDGET_SHARE: f32 = 0.2;
/// How long a host name's addresses are taken for right.
const NAMES_KEPT: Duration = Duration::from_secs(5);
/// How long a host name's addresses may take.
const NAME_PATIENCE: Duration = Duration::from_secs(2);

/// The instances of a role. Cheap to clone.
#[derive(Clone)]
pub struct Upstream(Arc<Inner>);

struct Inner {
    role: &'static str,
    addresses: Vec<Address>,
    signer: InternalSigner,
    budget: TpsBudget,
    known: ArcSwap<Known>,
    /// Held by the one who asks for the addresses of names.
    asking: Mutex<()>,
}

/// The instances, as of a time.
#[derive(Default)]
struct Known {
    instances: Vec<Arc<Instance>>,
    asked_at: Option<Instant>,
}

impl Known {
    fn is_fresh(&self) -> bool {
        self.asked_at.is_some_and(|at| at.elapsed() < NAMES_KEPT)
    }
}

impl Upstream {
    pub(super) fn new(role: &'static str, addresses: Vec<Address>, signer: InternalSigner) -> Self {
        let budget = TpsBudget::new(BUDGET_MEMORY, BUDGET_FLOOR, BUDGET_SHARE);
        let (known, asking) = (ArcSwap::default(), Mutex::default());
        Self(Arc::new(Inner { role, addresses, signer, budget, known, asking }))
    }

    /// The role.
    pub fn role(&self) -> &'static str {
        self.0.role
    }

    /// Sends `message` with `send` until an instance answers, the deadline passes or repeats are used up.
    ///
    /// Failures: what the role says; 503 `SERVICE_UNAVAILABLE` when no instance answers; 504 `DEADLINE_EXCEEDED`.
    pub(super) async fn call<M, A, F>(
        &self,
        context: &Context,
        message: M,
        send: impl Fn(Channel, Request<M>) -> F,
    ) -> Result<A, Failure>
    where
        M: Clone,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        self.0.budget.deposit();
        let mut pauses = ExponentialBuilder::default()
            .with_min_delay(FIRST_PAUSE)
            .with_max_delay(LONGEST_PAUSE)
            .with_max_times(MAX_TRIES - 1)
            .with_jitter()
            .build();
        let mut tried = Vec::new();
        loop {
            let Some(instance) = self.instance(&tried).await else { return Err(self.unreachable()) };
            let left = context.remaining();
            let may_repeat = tried.len() + 1 < MAX_TRIES;
            let limit = if may_repeat { TRY_LIMIT.min(left / 2) } else { left };
            let request = meta::request(context, limit, &self.0.signer, message.clone());
            let failure = match self.attempt(&instance, limit, send(instance.channel.clone(), request)).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            tried.push(instance.address);
            let passing = matches!(failure.kind, ErrorKind::Unavailable | ErrorKind::Timeout);
            let pause = pauses.next().filter(|pause| passing && *pause < context.remaining());
            match pause {
                Some(pause) if self.0.budget.withdraw() => {
                    counter!("contract_calls_repeated_total", "role" => self.0.role).increment(1);
                    tokio::time::sleep(pause).await;
                }
                _ => return Err(failure),
            }
        }
    }

    /// One try. An instance that says nothing rests for a while.
    async fn attempt<A>(
        &self,
        instance: &Arc<Instance>,
        limit: Duration,
        answer: impl Future<Output = Result<Response<A>, Status>>,
    ) -> Result<A, Failure> {
        let _in_flight = instance.begin();
        let status = match tokio::time::timeout(limit, answer).await {
            Ok(Ok(answer)) => {
                instance.is_well();
                return Ok(answer.into_inner());
            }
            Ok(Err(status)) => status,
            Err(_) => Status::deadline_exceeded("no answer in time"),
        };
        if let Some(failure) = failure::from_status(&status) {
            instance.is_well();
            return Err(failure);
        }
        instance.failed();
        counter!("contract_calls_unanswered_total", "role" => self.0.role).increment(1);
        let (role, address) = (self.0.role, instance.address);
        tracing::warn!(role, %address, code = ?status.code(), reason = status.message(), "an instance did not answer a call");
        // The client's library calls a call that ran out of time cancelled.
        let late = matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled);
        Err(if late { deadline_exceeded() } else { self.unreachable() })
    }

    fn unreachable(&self) -> Failure {
        let message = format!("{} cannot be reached at the moment; try again", self.0.role);
        Failure { message: message.into(), ..Failure::unavailable() }
    }

    /// The best instance; one that was not tried yet, if there is one.
    async fn instance(&self, tried: &[std::net::SocketAddr]) -> Option<Arc<Instance>> {
        let known = self.known().await;
        let now = Instant::now();
        // Where several are equal, each gets its turn.
        let turn = rand::random_range(0..known.instances.len().max(1));
        let (before, after) = known.instances.split_at(turn);
        let best = after.iter().chain(before).min_by_key(|instance| {
            let tries = tried.iter().filter(|address| **address == instance.address).count();
            (tries, instance.preference(now))
        });
        best.cloned()
    }

    /// The instances, with names looked up anew every few seconds.
    async fn known(&self) -> Arc<Known> {
        let known = self.0.known.load_full();
        if known.is_fresh() {
            return known;
        }
        let asking =
            if known.instances.is_empty() { Some(self.0.asking.lock().await) } else { self.0.asking.try_lock().ok() };
        let known = self.0.known.load_full();
        if asking.is_none() || known.is_fresh() {
            return known;
        }
        let found = Arc::new(Known { instances: self.look_up(&known.instances).await, asked_at: Some(Instant::now()) });
        self.0.known.store(Arc::clone(&found));
        found
    }

    /// Every instance at the addresses; those that are known already stay connected.
    async fn look_up(&self, known: &[Arc<Instance>]) -> Vec<Arc<Instance>> {
        let mut found: Vec<Arc<Instance>> = Vec::new();
        for address in &self.0.addresses {
            let resolved = tokio::time::timeout(NAME_PATIENCE, address.resolve()).await;
            let Ok(Ok(sockets)) = resolved else {
                tracing::warn!(role = self.0.role, host = address.host, "a host name is not known");
                continue;
            };
            for socket in sockets {
                if !found.iter().any(|instance| instance.address == socket) {
                    let same = known.iter().find(|instance| instance.address == socket);
                    found.push(same.cloned().unwrap_or_else(|| Arc::new(Instance::new(socket, address))));
                }
            }
        }
        // Better those of before than none, while names can't be looked up.
        if found.is_empty() { known.to_vec() } else { found }
    }
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let addresses: Vec<_> = self.0.addresses.iter().map(|address| (&address.host, address.port)).collect();
        f.debug_struct("Upstream").field("role", &self.0.role).field("addresses", &addresses).finish_non_exhaustive()
    }
}
