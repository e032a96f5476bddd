//! What a shop costs more when its roles run apart: the same load on it and on a shop in one process, in turn.

use std::time::Duration;

use super::Bench;
use crate::report::Report;
use crate::shop::{Shop, Topology};

/// Takes the figures.
pub async fn measure(bench: &Bench, apart: &Shop, report: &mut Report) -> anyhow::Result<()> {
    let together = Shop::start(&bench.program, Topology::Together).await?;
    for (shop, how) in [(&together, "one process"), (apart, "roles apart")] {
        let before = shop.processor_time()?;
        tokio::time::sleep(Duration::from_secs_f64(bench.seconds)).await;
        for (part, time) in shop.processor_time()? {
            let idle = (time - before[&part]) / bench.seconds;
            report.add("cost", &format!("idle, {how}: CPU, {part}"), "ms/s", &[idle], None);
        }
    }
    Ok(())
}
