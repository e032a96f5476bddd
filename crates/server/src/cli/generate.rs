//! `tradepost generate`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;

/// Make data up.
#[derive(clap::Args)]
pub struct Generate {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// A catalog for `import products`: the same file for the same number and seed, on every machine
    Catalog {
        /// How many products
        #[arg(long, value_name = "N")]
        products: u64,
        /// Seed
        #[arg(long, value_name = "S", default_value_t = 1)]
        seed: u64,
        /// File to write; without it stdout
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

impl Generate {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let What::Catalog { products, seed, out } = self.what;
        let mut writer: Box<dyn Write> = match &out {
            Some(path) => {
                Box::new(File::create(path).with_context(|| format!("{} cannot be written", path.display()))?)
            }
            None => Box::new(std::io::stdout().lock()),
        };
        let mut buffered = BufWriter::with_capacity(1 << 20, &mut writer);
        products::generate::write_catalog(&mut buffered, products, seed)?;
        buffered.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}
