//! The `tradepost` binary: see the library for its map.

fn main() -> std::process::ExitCode {
    tradepost::cli::main()
}
