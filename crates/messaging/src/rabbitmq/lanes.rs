//! Work by object: one object's pieces one after the other, several objects at once.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};

use crate::dead_letters::Lane;
use crate::transport::TransportError;

/// How many objects are worked on at once.
const CONCURRENT_OBJECTS: usize = 8;

type Piece<'a> = BoxFuture<'a, Result<(), TransportError>>;

/// What is in hand, by object. Nothing here bounds it: the prefetch does.
pub(super) struct Lanes<'a> {
    /// Each object that is worked on or waits for its turn, with the pieces that are not begun.
    waiting: HashMap<Lane, VecDeque<Piece<'a>>>,
    /// Objects whose turn it is next.
    turns: VecDeque<Lane>,
    running: FuturesUnordered<BoxFuture<'a, Result<Lane, TransportError>>>,
}

impl<'a> Lanes<'a> {
    pub(super) fn new() -> Self {
        Self { waiting: HashMap::new(), turns: VecDeque::new(), running: FuturesUnordered::new() }
    }

    /// Puts a piece of work behind what is in hand of its object.
    pub(super) fn add(&mut self, lane: Lane, piece: impl Future<Output = Result<(), TransportError>> + Send + 'a) {
        match self.waiting.entry(lane) {
            Entry::Occupied(mut pieces) => pieces.get_mut().push_back(piece.boxed()),
            Entry::Vacant(vacant) => {
                self.turns.push_back(vacant.key().clone());
                vacant.insert(VecDeque::from([piece.boxed()]));
            }
        }
        self.begin();
    }

    /// Works until a piece is done, and gives the object whose it was. None when nothing runs.
    pub(super) async fn next(&mut self) -> Option<Result<Lane, TransportError>> {
        self.running.next().await
    }

    /// Goes on after a piece of this object is done.
    pub(super) fn go_on(&mut self, lane: &Lane) {
        if self.waiting.get(lane).is_some_and(VecDeque::is_empty) {
            self.waiting.remove(lane);
        } else {
            self.turns.push_back(lane.clone());
        }
        self.begin();
    }

    /// Finishes what is begun, and begins nothing more.
    pub(super) async fn finish(mut self) -> Result<(), TransportError> {
        while let Some(done) = self.running.next().await {
            done?;
        }
        Ok(())
    }

    fn begin(&mut self) {
        while self.running.len() < CONCURRENT_OBJECTS
            && let Some(lane) = self.turns.pop_front()
        {
            if let Some(piece) = self.waiting.get_mut(&lane).and_then(VecDeque::pop_front) {
                self.running.push(piece.map(|done| done.map(|()| lane)).boxed());
            }
        }
    }
}
