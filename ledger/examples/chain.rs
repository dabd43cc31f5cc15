//! What the journal's hash chain costs: the time to hash a block of 1,000 transfers, median of many.
//! `cargo run --release -p ledger --example chain`; hold it against a block's share of
//! `netfold bench ledger`.

use std::time::Instant;

use alloy_primitives::B256;
use ledger::yardstick::hash_block;

fn main() {
    let mut previous = B256::ZERO;
    let mut times: Vec<_> = (0..1_001)
        .map(|_| {
            let began = Instant::now();
            previous = hash_block(1_000, previous);
            began.elapsed()
        })
        .collect();
    times.sort();
    let median = times.get(500).copied().unwrap_or_default();
    println!("a block of 1,000 transfers is hashed in {median:?}; the last hash is {previous}");
}
