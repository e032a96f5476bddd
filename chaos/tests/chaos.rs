//! `./dev chaos` in short: its verdict over a shop that is whole, and over one whose relay loses events.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::path::Path;
use std::process::{Command, Output};

/// Which faults are injected, in which order: in the time of these runs this one kills PostgreSQL, Redis, RabbitMQ, the
/// payment provider and instances of most roles, freezes others, and cuts off PostgreSQL and an instance.
const SEED: &str = "14205";

/// The program under test lies beside this one: every test run over the workspace builds it, with its failpoints.
fn run(arguments: &[&str]) -> Output {
    let chaos = Path::new(env!("CARGO_BIN_EXE_tradepost-chaos"));
    let program = chaos.with_file_name("tradepost");
    assert!(program.exists(), "{} is not built: ./dev test --test chaos --test cli builds it", program.display());
    let run = ["run", "--seed", SEED, "--program"];
    Command::new(chaos).args(run).arg(program).args(arguments).output().unwrap()
}

#[test]
fn the_books_are_right_after_faults_of_every_kind() {
    let output = run(&["--minutes", "0.8"]);
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success());
    assert!(said.contains("The books are right."));
}

#[test]
fn a_relay_that_loses_events_is_caught() {
    let output = run(&["--minutes", "0.5", "--patience", "60", "--broken-relay"]);
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success());
    assert!(said.contains("reached no webhook"), "it is caught by what it does");
}
