//! An answer's body on its way to the client.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::figures::Outcome;
use super::instance::Load;
use super::pool::Stream;

/// A body that holds its place on the connection and counts as work of its instance until it ends. When the instance dies,
/// it ends in an error, which ends the client's connection: nobody takes half an answer for a whole one.
pub struct Download {
    body: Incoming,
    load: Load,
    _stream: Stream,
}

impl Download {
    /// The body of an answer.
    pub fn new(body: Incoming, load: Load, stream: Stream) -> Self {
        Self { body, load, _stream: stream }
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        polled.map_err(|error| {
            self.load.instance().figures.count(Outcome::Broken);
            error
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
