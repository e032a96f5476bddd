//! A merchant's system: takes messages over HTTP and answers as it is told.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::Response;
use http::HeaderMap;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A message that came.
#[derive(Clone, Debug)]
pub struct Received {
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Received {
    pub fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The object and its version.
    pub fn object(&self) -> (String, i64) {
        let data = &self.json()["data"];
        (data["id"].as_str().unwrap().to_owned(), data["version"].as_i64().unwrap())
    }
}

type Answers = Arc<dyn Fn(&Received) -> Response + Send + Sync>;

/// A receiver, until it is dropped.
pub struct Receiver {
    pub address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    answers: Arc<Mutex<Answers>>,
    serving: JoinHandle<()>,
}

impl Receiver {
    /// One that takes everything.
    pub async fn start() -> Self {
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let answers: Arc<Mutex<Answers>> = Arc::new(Mutex::new(Arc::new(|_| answer(204))));
        let (seen, told) = (Arc::clone(&received), Arc::clone(&answers));
        let router = Router::new().fallback(move |headers: HeaderMap, body: Bytes| {
            let message = Received { headers, body };
            seen.lock().unwrap().push(message.clone());
            let answers = Arc::clone(&told.lock().unwrap());
            async move { Ok::<_, Infallible>(answers(&message)) }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, received, answers, serving }
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// From now on it answers like this.
    pub fn answer_with(&self, answers: impl Fn(&Received) -> Response + Send + Sync + 'static) {
        *self.answers.lock().unwrap() = Arc::new(answers);
    }

    /// From now on it answers with this status.
    pub fn answer(&self, status: u16) {
        self.answer_with(move |_| answer(status));
    }

    /// What came so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// An answer without a body.
pub fn answer(status: u16) -> Response {
    Response::builder().status(status).body(Body::empty()).unwrap()
}
