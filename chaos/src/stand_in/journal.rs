//! Every change as a line of a file; what all lines make together.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where a payment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nobody has shown a card yet, or the last one was declined.
    RequiresPaymentMethod,
    /// The money is promised.
    RequiresCapture,
    /// The money was taken.
    Succeeded,
    /// It was given up.
    Canceled,
}

/// A payment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Intent {
    /// `pi_…`
    pub id: String,
    /// Minor units asked for.
    pub amount: i64,
    /// Lower-case code.
    pub currency: String,
    /// Where it stands.
    pub status: Status,
    /// Minor units taken.
    pub captured: i64,
    /// How often money was taken: more than once would be a fault of the shop.
    pub captures: u32,
    /// What the shop wrote on it.
    pub metadata: HashMap<String, String>,
    /// Why the last card was declined.
    pub last_error: Option<Value>,
}

/// Money given back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Refund {
    /// `re_…`
    pub id: String,
    /// Of which payment.
    pub payment_intent: String,
    /// Minor units.
    pub amount: i64,
    /// What the shop wrote on it.
    pub metadata: HashMap<String, String>,
}

/// An answer that is kept under an idempotency key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kept {
    /// The key.
    pub key: String,
    /// What was asked, to know the same request again.
    pub request: String,
    /// The answer's status.
    pub status: u16,
    /// The answer.
    pub body: Value,
}

/// One change with all that belongs to it: it is in the file whole or not at all.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Entry {
    /// A payment as it is now.
    pub intent: Option<Intent>,
    /// A new refund.
    pub refund: Option<Refund>,
    /// The answer.
    pub kept: Option<Kept>,
    /// An event to be sent.
    pub event: Option<Value>,
    /// An event, by its id, that the shop has taken.
    pub taken: Option<String>,
}

/// What the lines make together.
#[derive(Default)]
pub struct Journal {
    file: Option<File>,
    /// Payments by id.
    pub intents: HashMap<String, Intent>,
    /// Refunds by id.
    pub refunds: HashMap<String, Refund>,
    /// Answers by key.
    pub kept: HashMap<String, Kept>,
    /// Events that the shop has not taken yet.
    pub untaken: Vec<Value>,
}

impl Journal {
    /// Reads a journal that nobody writes to.
    pub fn read(path: &Path) -> Self {
        let mut journal = Self::default();
        if let Ok(file) = File::open(path) {
            // The last line may be a part of one: its writer was killed, and nobody was told of what it says.
            for line in BufReader::new(file).lines().map_while(Result::ok) {
                if let Ok(entry) = serde_json::from_str(&line) {
                    journal.apply(entry);
                }
            }
        }
        journal
    }

    /// Reads a journal and goes on with it.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let mut journal = Self::read(path);
        let file = OpenOptions::new().create(true).append(true).open(path);
        let mut file = file.with_context(|| format!("{} cannot be written", path.display()))?;
        // Ends a torn line, should there be one.
        file.write_all(b"\n")?;
        journal.file = Some(file);
        Ok(journal)
    }

    /// Writes a change down, then makes it.
    pub fn write(&mut self, entry: Entry) -> anyhow::Result<()> {
        if let Some(file) = &mut self.file {
            let mut line = serde_json::to_vec(&entry)?;
            line.push(b'\n');
            file.write_all(&line)?;
        }
        self.apply(entry);
        Ok(())
    }

    fn apply(&mut self, entry: Entry) {
        let Entry { intent, refund, kept, event, taken } = entry;
        if let Some(intent) = intent {
            self.intents.insert(intent.id.clone(), intent);
        }
        if let Some(refund) = refund {
            self.refunds.insert(refund.id.clone(), refund);
        }
        if let Some(kept) = kept {
            self.kept.insert(kept.key.clone(), kept);
        }
        self.untaken.extend(event);
        if let Some(taken) = taken {
            self.untaken.retain(|event| event["id"] != taken.as_str());
        }
    }

    /// What was given back of a payment.
    pub fn refunded(&self, intent: &str) -> i64 {
        self.refunds.values().filter(|refund| refund.payment_intent == intent).map(|refund| refund.amount).sum()
    }
}
