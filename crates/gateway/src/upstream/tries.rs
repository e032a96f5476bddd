//! One request, in one or several tries.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::Body as AnyBody;
use axum::response::{IntoResponse as _, Response};
use crypto::InternalSigner;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::{HeaderValue, StatusCode};
use kernel::{ErrorKind, Failure};
use runtime::http::{ApiError, Role};
use runtime::internal;
use tower::Service;
use tower::retry::budget::{Budget as _, TpsBudget};
use tower_resilience_circuitbreaker::FailureClassifier;

use super::call::{Call, late};
use super::config::UpstreamConfig;
use super::download::Download;
use super::figures::{Figures, Outcome};
use super::headers;
use super::instance::Instance;
use super::members::Members;

/// Tries of one request, at most.
const MAX_TRIES: usize = 3;
/// Pause before the same instance is tried again.
const PAUSE: Duration = Duration::from_millis(50);
/// What a retry may add to requests is counted over this time.
const BUDGET_WINDOW: Duration = Duration::from_secs(10);

/// What all requests to a role share.
pub struct Tries {
    role: Role,
    /// The instances.
    pub members: Members,
    /// What is counted.
    pub figures: Figures,
    config: UpstreamConfig,
    budget: TpsBudget,
    signer: InternalSigner,
}

/// Why a try gave no answer.
enum Miss {
    /// Not a byte was sent.
    Unsent,
    /// The connection ended before the answer.
    Lost,
    /// No answer in time.
    Late,
}

impl Tries {
    /// Requests to `members`.
    pub fn new(role: Role, members: Members, config: &UpstreamConfig, signer: InternalSigner) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a percentage is far below 2^23")]
        let share = config.retry_percent.min(1000) as f32 / 100.0;
        let budget = TpsBudget::new(BUDGET_WINDOW, config.retries_per_second, share);
        Self { role, members, figures: Figures::new(role.as_str()), config: config.clone(), budget, signer }
    }

    /// Sends `call` until it is answered, as often as it may be sent. The failure is one of the role as a whole.
    async fn run(&self, mut call: Call) -> Result<Response, Failure> {
        self.budget.deposit();
        let mut tried: Vec<Arc<Instance>> = Vec::new();
        let mut maybe_done = false;
        loop {
            let last = tried.len() + 1 >= MAX_TRIES;
            let Some(instance) = self.members.pick(&tried, &self.figures) else { break };
            if tried.iter().any(|it| Arc::ptr_eq(it, &instance)) {
                tokio::time::sleep(PAUSE.mul_f64(rand::random_range(0.5..1.5))).await;
            }
            // A read leaves half of its time to the next try. A change is not given up before its time is over: it
            // could be half done.
            let now = Instant::now();
            let until = if call.safe && !last { now + (call.deadline - now) / 2 } else { call.deadline };
            if now >= call.deadline {
                break;
            }
            match self.attempt(&mut call, &instance, until).await {
                Ok(response) => {
                    tried.push(instance);
                    let other_can = response.status() == StatusCode::SERVICE_UNAVAILABLE
                        && call.repeatable()
                        && !last
                        && self.members.has_other(&tried);
                    if !other_can || !self.may_retry() {
                        return Ok(response);
                    }
                    continue;
                }
                Err(Miss::Unsent) => {
                    if last || !self.may_retry() {
                        break;
                    }
                }
                Err(Miss::Lost | Miss::Late) => {
                    if let Some(fault) = call.clients_fault() {
                        return Ok(ApiError(fault).into_response());
                    }
                    maybe_done = !call.safe;
                    if last || !call.repeatable() || !self.may_retry() {
                        break;
                    }
                }
            }
            tried.push(instance);
        }
        Err(self.failure(&call, maybe_done))
    }

    async fn attempt(&self, call: &mut Call, instance: &Arc<Instance>, until: Instant) -> Result<Response, Miss> {
        let load = instance.take();
        let connected = tokio::time::timeout_at(until.into(), instance.pool.stream(call.lane)).await;
        let stream = match connected {
            Ok(Ok(stream)) => stream,
            Ok(Err(reason)) => {
                tracing::debug!(upstream = self.role.as_str(), instance = %instance.authority, reason, "no connection");
                return Err(self.missed(instance, Outcome::Unsent, Miss::Unsent));
            }
            Err(_) => return Err(self.missed(instance, Outcome::Unsent, Miss::Unsent)),
        };
        let Some(mut request) = call.request(instance, until) else { return Err(Miss::Lost) };
        if let Ok(token) = HeaderValue::from_str(&self.signer.token()) {
            request.headers_mut().insert(internal::TOKEN, token);
        }
        match tokio::time::timeout_at(until.into(), stream.send(request)).await {
            Ok(Ok(response)) => Ok(self.answered(response, load, stream)),
            Ok(Err(mut error)) => match error.take_message() {
                Some(request) => {
                    call.take_back(request);
                    Err(self.missed(instance, Outcome::Unsent, Miss::Unsent))
                }
                None if call.clients_fault().is_some() => Err(Miss::Lost),
                None => Err(self.missed(instance, Outcome::Lost, Miss::Lost)),
            },
            Err(_) => Err(self.missed(instance, Outcome::Late, Miss::Late)),
        }
    }

    fn answered(
        &self,
        response: http::Response<hyper::body::Incoming>,
        load: super::instance::Load,
        stream: super::pool::Stream,
    ) -> Response {
        let instance = load.instance();
        if response.status().is_server_error() {
            instance.figures.count(Outcome::Error);
            self.members.failed(instance);
        } else {
            instance.figures.count(Outcome::Answered);
            self.members.answered(instance);
        }
        let mut response = response.map(|body| AnyBody::new(Download::new(body, load, stream)));
        headers::strip(response.headers_mut());
        response
    }

    fn missed(&self, instance: &Arc<Instance>, outcome: Outcome, miss: Miss) -> Miss {
        instance.figures.count(outcome);
        self.members.failed(instance);
        miss
    }

    fn may_retry(&self) -> bool {
        let may = self.budget.withdraw();
        if may {
            self.figures.retries.increment(1);
        } else {
            self.figures.budget_exhausted.increment(1);
        }
        may
    }

    fn failure(&self, call: &Call, maybe_done: bool) -> Failure {
        if Instant::now() >= call.deadline {
            late()
        } else if maybe_done {
            let message = "The part that worked on this went away before it answered; it may have been done";
            Failure::new(ErrorKind::Timeout, "ANSWER_LOST", message).retry_after(1)
        } else {
            self.unavailable()
        }
    }

    /// 503 `UPSTREAM_UNAVAILABLE`: nothing was done.
    pub fn unavailable(&self) -> Failure {
        let message =
            format!("The part of the shop that does this ({}) cannot be reached; try again", self.role.as_str());
        Failure::new(ErrorKind::Unavailable, "UPSTREAM_UNAVAILABLE", message).retry_after(self.config.retry_after())
    }
}

/// The tries as a service, for the breaker around them.
#[derive(Clone)]
pub struct Sender(pub Arc<Tries>);

impl Service<Call> for Sender {
    type Response = Response;
    type Error = Failure;
    type Future = BoxFuture<'static, Result<Response, Failure>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let tries = Arc::clone(&self.0);
        let running: Pin<Box<_>> = async move { tries.run(call).await }.boxed();
        running
    }
}

/// The breaker opens when no instance answers. An answer that says that something failed is an answer: another role may be
/// the one that is down, and what doesn't need it must go on.
#[derive(Clone, Copy)]
pub struct NoAnswer;

impl FailureClassifier<Response, Failure> for NoAnswer {
    fn classify(&self, result: &Result<Response, Failure>) -> bool {
        result.is_err()
    }
}
