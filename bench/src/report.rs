//! The figures, as a table and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use crate::processes;

/// Everything measured in one run.
#[derive(Serialize)]
pub struct Report {
    date: String,
    cores: usize,
    figures: Vec<Figure>,
    notes: Vec<String>,
}

/// One figure: what was measured, several times.
#[derive(Serialize)]
struct Figure {
    name: String,
    measure: String,
    unit: &'static str,
    median: f64,
    least: f64,
    most: f64,
    rounds: usize,
    aim: Option<Aim>,
    met: Option<bool>,
    conditions: BTreeMap<&'static str, f64>,
}

/// What a figure should be.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Aim {
    /// Or more.
    AtLeast(f64),
    /// Or less.
    AtMost(f64),
}

impl Report {
    /// An empty report of this machine.
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let date = chrono::Utc::now().format("%Y-%m-%d %H:%M UTC").to_string();
        Self { date, cores, figures: Vec::new(), notes: Vec::new() }
    }

    /// Adds a figure with the values of its rounds.
    pub fn add(&mut self, name: &str, measure: &str, unit: &'static str, rounds: &[f64], aim: Option<Aim>) {
        let mut sorted = rounds.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (Some(&least), Some(&most)) = (sorted.first(), sorted.last()) else { return };
        let median = median(&sorted);
        let met = aim.map(|aim| match aim {
            Aim::AtLeast(value) => median >= value,
            Aim::AtMost(value) => median <= value,
        });
        let conditions = processes::conditions().unwrap_or_default();
        let (name, measure, rounds) = (name.to_owned(), measure.to_owned(), rounds.len());
        let figure = Figure { name, measure, unit, median, least, most, rounds, aim, met, conditions };
        eprintln!("    {}", figure.line());
        self.figures.push(figure);
    }

    /// Adds a sentence that the reader needs beside the figures.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// The median of a figure taken before.
    pub fn median(&self, name: &str, measure: &str) -> Option<f64> {
        self.figures.iter().find(|figure| figure.name == name && figure.measure == measure).map(|figure| figure.median)
    }

    /// The table.
    pub fn table(&self) -> String {
        let mut text = format!(
            "Tradepost, figures of {} on {} cores (median, and least to most of the rounds)\n\n",
            self.date, self.cores
        );
        for figure in &self.figures {
            let _ = writeln!(text, "{}", figure.line());
        }
        text.push('\n');
        for note in &self.notes {
            let _ = writeln!(text, "- {note}");
        }
        text
    }
}

impl Figure {
    fn line(&self) -> String {
        let Self { name, measure, unit, median, least, most, rounds, .. } = self;
        let spread = if *rounds > 1 { format!("{} .. {}", short(*least), short(*most)) } else { String::new() };
        let aim = match (self.aim, self.met) {
            (Some(Aim::AtLeast(value)), Some(met)) => format!(">= {} {}", short(value), verdict(met)),
            (Some(Aim::AtMost(value)), Some(met)) => format!("<= {} {}", short(value), verdict(met)),
            _ => String::new(),
        };
        let load = self.conditions.get("load").copied().unwrap_or_default();
        format!("{name:<14} {measure:<44} {:>9} {unit:<6} {spread:<20} {aim:<16} load {load:.1}", short(*median))
    }
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "missed" }
}

/// Three digits that count.
fn short(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 || size == 0.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}

/// The middle of values in order.
fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}
