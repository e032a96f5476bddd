//! Who wants the same stock waits here, in memory, rather than each with a connection to the database that it needs for
//! nothing but to wait for a row.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;

/// How many queues there are. Variants share them; sharing one costs a wait, nothing else.
const QUEUES: u64 = 256;

/// The queues of this process. The database's own locks keep order between processes.
pub(crate) struct Turns(Box<[Mutex<()>]>);

impl Default for Turns {
    fn default() -> Self {
        Self((0..QUEUES).map(|_| Mutex::default()).collect())
    }
}

impl Turns {
    /// Waits until nobody before is busy with any of these variants. The turn lasts as long as what is given.
    pub(crate) async fn wait(&self, variants: &[Uuid]) -> Vec<MutexGuard<'_, ()>> {
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        // In one order for everyone, so that no two wait for each other.
        let queues: BTreeSet<u64> = variants.iter().map(|variant| hasher.hash_one(variant) % QUEUES).collect();
        let mut turns = Vec::with_capacity(queues.len());
        for queue in queues {
            // Below QUEUES, so it fits any usize.
            turns.push(self.0[usize::try_from(queue).unwrap_or(0)].lock().await);
        }
        turns
    }
}
