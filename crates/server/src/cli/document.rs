//! `tradepost document`: the documents that are generated from the code and checked in.

use std::process::ExitCode;

use clap::ValueEnum;

use super::print;
use crate::shop;

/// Print a generated document.
#[derive(clap::Args)]
pub struct Document {
    /// Which
    what: What,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// The OpenAPI document of the REST operations
    Openapi,
    /// The GraphQL schema
    Graphql,
}

impl Document {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.what {
            What::Openapi => print(gateway::document::print(&shop::openapi()).trim_end())?,
            What::Graphql => print(products::sdl().trim_end())?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
