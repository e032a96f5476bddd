//! Compiles the protobuf documents, without a compiler besides Cargo's own.

use std::error::Error;
use std::path::Path;

const DOCUMENTS: [&str; 4] = [
    "tradepost/event_log/v1/event_log.proto",
    "tradepost/failure/v1/failure.proto",
    "tradepost/products/v1/products.proto",
    "tradepost/users/v1/users.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new("proto");
    println!("cargo:rerun-if-changed=proto");
    let documents = protox::compile(DOCUMENTS.map(|document| folder.join(document)), [folder])?;
    tonic_prost_build::configure().compile_fds(documents)?;
    Ok(())
}
