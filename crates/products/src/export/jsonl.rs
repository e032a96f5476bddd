//! JSON lines: one product a line.

use super::Product;

/// Products as lines.
pub fn write(products: &[Product]) -> Vec<u8> {
    let mut out = Vec::new();
    for product in products {
        // Plain values written to memory: neither can fail.
        let _ = serde_json::to_writer(&mut out, product);
        out.push(b'\n');
    }
    out
}
