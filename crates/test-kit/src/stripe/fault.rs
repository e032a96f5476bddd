//! What goes wrong with calls of the shop.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 409: another request holds the object.
    Conflict,
    /// 429, to be tried again at once.
    TooMany,
    /// 500, and nothing was done.
    ErrorBefore,
    /// 500 after it was done; the 500 is kept under the key.
    ErrorAfter,
    /// No answer, and nothing was done.
    SilentBefore,
    /// No answer after it was done.
    SilentAfter,
    /// The connection is cut, and nothing was done.
    CutBefore,
    /// The connection is cut after it was done.
    CutAfter,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Fault; 8] = [
        Fault::Conflict,
        Fault::TooMany,
        Fault::ErrorBefore,
        Fault::ErrorAfter,
        Fault::SilentBefore,
        Fault::SilentAfter,
        Fault::CutBefore,
        Fault::CutAfter,
    ];
}

/// Decides what goes wrong: first what was ordered, then what chance gives.
pub struct Faults(Mutex<Plan>);

struct Plan {
    ordered: VecDeque<(&'static str, Fault)>,
    percent: u64,
    chance: Chance,
    happened: usize,
}

impl Faults {
    pub(super) fn new(seed: u64) -> Self {
        Self(Mutex::new(Plan { ordered: VecDeque::new(), percent: 0, chance: Chance(seed), happened: 0 }))
    }

    /// Lets the next call whose path holds `part` fail.
    pub fn order(&self, part: &'static str, fault: Fault) {
        self.plan().ordered.push_back((part, fault));
    }

    /// Lets so many of a hundred calls fail by chance; 0: none.
    pub fn by_chance(&self, percent: u64) {
        self.plan().percent = percent;
    }

    /// How many went wrong.
    pub fn happened(&self) -> usize {
        self.plan().happened
    }

    pub(super) fn of(&self, path: &str) -> Option<Fault> {
        let plan = &mut *self.plan();
        let ordered = plan.ordered.iter().position(|(part, _)| path.contains(part));
        let fault = match ordered {
            Some(at) => plan.ordered.remove(at).map(|(_, fault)| fault),
            None => {
                let hit = plan.chance.below(100) < plan.percent;
                hit.then(|| Fault::ALL[plan.chance.index(Fault::ALL.len())])
            }
        };
        plan.happened += usize::from(fault.is_some());
        fault
    }

    fn plan(&self) -> std::sync::MutexGuard<'_, Plan> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Numbers that only look random: the same for the same seed (SplitMix64).
pub struct Chance(pub u64);

impl Chance {
    /// Less than `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    /// A place in a list of this length.
    pub fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or_default()
    }
}
