//! Whatever L1 shows and drops, what is held is what it shows now, and what is booked is what stayed.

#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "a failure here is the test's failure"
)]

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256};
use domain::l1::{L1Block, L1Event, L1Log, L1LogId};
use domain::{
    Asset, AssetId, Atoms, DomainId, DomainIdentity, LiquidityState, RollupId, SigningKey,
};
use ledger::{Adoption, Ledger, Role, SealReason};
use proptest::prelude::*;

const ASSET: AssetId = AssetId::new(1);
const ROLLUPS: u16 = 2;

/// What L1 does next.
#[derive(Clone, Debug)]
enum Turn {
    /// A block with deposits of so many atoms.
    Grow(Vec<(u16, u128)>),
    /// The newest blocks are replaced by as many; every `keep`-th has the same deposits.
    Reorg { depth: usize, keep: usize, look: bool },
    /// The oldest blocks are final.
    Finalise { blocks: usize, look: bool },
    /// The open epoch is sealed.
    Seal,
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let deposits = prop::collection::vec((1..=ROLLUPS, 1..100_u128), 0..3);
    let turn = prop_oneof![
        4 => deposits.prop_map(Turn::Grow),
        2 => (1..4_usize, 1..3_usize, any::<bool>())
            .prop_map(|(depth, keep, look)| Turn::Reorg { depth, keep, look }),
        3 => (1..4_usize, any::<bool>())
            .prop_map(|(blocks, look)| Turn::Finalise { blocks, look }),
        1 => Just(Turn::Seal),
    ];
    prop::collection::vec(turn, 16)
}

/// The blocks that are not booked, each with its deposits.
#[derive(Default)]
struct Tail {
    blocks: Vec<(L1Block, Vec<L1Log>)>,
    height: u64,
    forks: u64,
}

impl Tail {
    fn push(&mut self, events: Vec<(L1LogId, L1Event)>) {
        self.height += 1;
        self.forks += 1;
        let hash = B256::left_padding_from(&self.forks.to_be_bytes());
        let block = L1Block { number: self.height, hash };
        let logs = events.into_iter().map(|(id, event)| L1Log { id, block, event }).collect();
        self.blocks.push((block, logs));
    }

    fn grow(&mut self, deposits: &[(u16, u128)]) {
        let tx_hash = B256::left_padding_from(&self.forks.to_be_bytes());
        let events = (0..).zip(deposits).map(|(log_index, (rollup, number))| {
            let (rollup, atoms) = (RollupId::new(*rollup), Atoms::new(*number).unwrap());
            let depositor = Address::repeat_byte(7);
            let event = L1Event::Deposited { rollup, asset: ASSET, depositor, atoms };
            (L1LogId { tx_hash, log_index }, event)
        });
        self.push(events.collect());
    }

    /// What is kept comes again under its name, in another block.
    fn reorg(&mut self, depth: usize, keep: usize) {
        let dropped = self.blocks.split_off(self.blocks.len().saturating_sub(depth));
        self.height -= u64::try_from(dropped.len()).unwrap();
        for (index, (_, logs)) in dropped.into_iter().enumerate() {
            let logs = if index % keep == 0 { logs } else { Vec::new() };
            self.push(logs.into_iter().map(|log| (log.id, log.event)).collect());
        }
    }

    fn logs(&self) -> Vec<L1Log> {
        self.blocks.iter().flat_map(|(_, logs)| logs.clone()).collect()
    }

    fn tip(&self) -> Option<L1Block> {
        self.blocks.last().map(|(block, _)| *block)
    }
}

type Sums = BTreeMap<u16, u128>;

fn add(sums: &mut Sums, logs: &[L1Log]) {
    for log in logs {
        let L1Event::Deposited { rollup, atoms, .. } = log.event else { continue };
        *sums.entry(rollup.number()).or_default() += atoms.number();
    }
}

/// What is held is compared only if somebody has looked since L1 changed.
async fn assert_is(ledger: &Ledger, booked: &Sums, tail: &Tail, looked: bool) {
    let mut held = Sums::new();
    add(&mut held, &tail.logs());
    for cell in ledger.cells().await.unwrap() {
        let of = |sums: &Sums| sums.get(&cell.rollup.number()).copied().unwrap_or(0);
        assert_eq!(cell.balance.number(), of(booked), "{cell:?}");
        if looked {
            let found = (cell.held_in.number(), cell.held_out.number());
            assert_eq!(found, (of(&held), 0), "{cell:?}");
        }
    }
}

async fn play(url: &str, turns: &[Turn]) {
    let ledger = Ledger::connect(url, Role::Engine, 2).await.unwrap();
    let identity = DomainIdentity {
        chain_id: 31337,
        settlement: Address::repeat_byte(0x5e),
        domain_id: DomainId::new(1),
        verification_key_id: B256::repeat_byte(0x7a),
    };
    let genesis_digest = LiquidityState::genesis().digest();
    ledger
        .adopt_domain(&Adoption { identity, genesis_digest, deployed_at_block: 0 })
        .await
        .unwrap();
    let (mut tail, mut booked) = (Tail::default(), Sums::new());
    let asset = Asset::new(ASSET, Address::ZERO, 18, 18).unwrap();
    let mut events = vec![L1Event::AssetRegistered(asset)];
    for rollup in 1..=ROLLUPS {
        let key = SigningKey::from_seed([u8::try_from(rollup).unwrap(); 32]).public();
        events.push(L1Event::RollupRegistered { rollup: RollupId::new(rollup), key });
    }
    let name = |log_index| L1LogId { tx_hash: B256::repeat_byte(0xff), log_index };
    tail.push((0..).zip(events).map(|(index, event)| (name(index), event)).collect());
    let (block, logs) = tail.blocks.remove(0);
    ledger.record_l1_block_range(&logs, block).await.unwrap();
    let mut looked = true;
    for turn in turns {
        let look = match turn {
            Turn::Grow(deposits) => {
                tail.grow(deposits);
                true
            }
            Turn::Reorg { depth, keep, look } => {
                tail.reorg(*depth, *keep);
                looked = false;
                *look
            }
            Turn::Finalise { blocks, look } => {
                let blocks: Vec<_> =
                    tail.blocks.drain(..(*blocks).min(tail.blocks.len())).collect();
                let Some((end, _)) = blocks.last() else { continue };
                let logs: Vec<L1Log> = blocks.iter().flat_map(|(_, logs)| logs.clone()).collect();
                ledger.record_l1_block_range(&logs, *end).await.unwrap();
                add(&mut booked, &logs);
                *look
            }
            Turn::Seal => ledger.seal(SealReason::Command).await.unwrap().is_none(),
        };
        if let Some(tip) = tail.tip().filter(|_| look) {
            ledger.hold_seen_deposits(&tail.logs(), tip).await.unwrap();
            looked = true;
        }
        // Where everything is final, nothing is left to look at.
        assert_is(&ledger, &booked, &tail, looked || tail.blocks.is_empty()).await;
    }
    let report = ledger::audit::run(&ledger, &mut |_| ()).await.unwrap();
    assert_eq!((report.drift, report.first_fault), (0, None));
    ledger.close().await;
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 20, ..ProptestConfig::with_cases(4) })]

    #[test]
    fn what_is_held_is_what_is_shown(turns in turns()) {
        let server = std::env::var("DATABASE_URL")
            .expect("set DATABASE_URL, or run `ops/test`, which starts a Postgres for the tests");
        let name = format!("property_holds_{}", std::process::id());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let url = ledger::database::create_migrated(&server, &name).await.unwrap();
            Box::pin(play(&url, &turns)).await;
            ledger::database::remove(&server, &name).await.unwrap();
        });
    }
}
