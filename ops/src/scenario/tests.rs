use std::collections::{BTreeMap, BTreeSet};

use domain::limits::LANES_PER_BATCH;
use domain::{Batch, LiquidityState, Operation, SigningKey, Word};

use super::plan::PlannedEpoch;
use super::sign::Operators;
use super::*;

fn planned() -> (Scenario, Vec<PlannedEpoch>) {
    let scenario = Scenario::shipped().unwrap();
    let epochs = scenario.plan().unwrap();
    (scenario, epochs)
}

/// The shipped rows are the 223 of the source, with their sums.
#[test]
fn rows() {
    let scenario = Scenario::shipped().unwrap();
    let sum = |asset: u16| {
        let rows = scenario.rows().iter().filter(|row| row.asset == AssetId::new(asset));
        rows.map(|row| row.atoms.number()).sum::<u128>()
    };
    assert_eq!(scenario.rows().len(), 223);
    assert_eq!(sum(1), 127_049_754_796_073_303_675);
    assert_eq!(sum(2), 1_567_000_000);
}

/// Every row is planned exactly once, as it is in the file.
#[test]
fn every_row_once() {
    let (scenario, epochs) = planned();
    let key = |asset: AssetId, atoms: Atoms, recipient| (asset, atoms, recipient);
    let mut wanted: Vec<_> =
        scenario.rows().iter().map(|row| key(row.asset, row.atoms, row.recipient)).collect();
    let mut found: Vec<_> = epochs
        .iter()
        .flat_map(|epoch| &epoch.batches)
        .flat_map(|batch| {
            let transfers = batch.transfers.iter().map(|t| key(t.asset, t.atoms, t.recipient));
            transfers.chain(batch.exits.iter().map(|e| key(e.asset, e.atoms, e.recipient)))
        })
        .collect();
    wanted.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, wanted);
}

/// The plan has the shape that its description gives: two epochs of twelve batches, four lanes at
/// most, every ordered pair of rollups used, exits in both assets.
#[test]
fn shape() {
    let (_, epochs) = planned();
    assert_eq!(epochs.iter().map(|epoch| epoch.batches.len()).collect::<Vec<_>>(), [12, 12]);
    let batches: Vec<_> = epochs.iter().flat_map(|epoch| &epoch.batches).collect();
    let mut pairs = BTreeSet::new();
    for batch in &batches {
        let listed = batch.transfers.len() + batch.exits.len();
        assert!((9..=10).contains(&listed), "{listed} rows");
        let lanes = Batch::sum_lanes(batch.rollup, &batch.transfers, &batch.exits).unwrap();
        assert!(lanes.len() <= LANES_PER_BATCH, "{lanes:?}");
        pairs.extend(batch.transfers.iter().map(|transfer| (batch.rollup, transfer.to)));
    }
    assert_eq!(pairs.len(), 6 * 5);
    let exits: Vec<_> = batches.iter().flat_map(|batch| &batch.exits).collect();
    let usdc = AssetId::new(2);
    let usdc_from: BTreeSet<_> = batches
        .iter()
        .filter(|batch| batch.exits.iter().any(|exit| exit.asset == usdc))
        .map(|batch| batch.rollup)
        .collect();
    assert_eq!((exits.len(), usdc_from.len()), (EXITS, 2));
}

/// The reference model accepts the whole scenario: every rule of every batch holds, no cell is
/// overdrawn.
#[test]
fn the_model_accepts_it() {
    let (scenario, epochs) = planned();
    let keys: BTreeMap<_, _> = scenario
        .rollups()
        .map(|rollup| (rollup, SigningKey::from_seed([u8::try_from(rollup.number()).unwrap(); 32])))
        .collect();
    let word = Word::from(7_u64);
    let mut state = LiquidityState::genesis();
    for (rollup, key) in &keys {
        let register = Operation::Register { rollup: *rollup, key: key.public() };
        state = state.apply(&register, word).unwrap();
    }
    let mut operators = Operators::new(word, keys);
    for epoch in epochs {
        for deposit in epoch.deposits {
            let plan::PlannedDeposit { rollup, asset, atoms, .. } = deposit;
            state = state.apply(&Operation::Deposit { rollup, asset, atoms }, word).unwrap();
        }
        for planned in epoch.batches {
            let (batch, claims) = operators.sign(planned).unwrap();
            assert_eq!(claims.len(), batch.parts().exits.len());
            state = state.apply(&Operation::Batch(Box::new(batch)), word).unwrap();
        }
        state = state.close_epoch();
    }
}

/// Two runs plan the same.
#[test]
fn deterministic() {
    assert_eq!(planned().1, planned().1);
}

/// A damaged scenario is refused with the row, or the field, that is wrong.
#[test]
fn damaged() {
    let rule = include_str!("../../scenarios/bridge.toml");
    let check = |rule: &str, rows: &str, told: &str| {
        let error = Scenario::parse(rule, rows).unwrap_err();
        let said = format!("{error:#}");
        assert!(said.contains(told), "{said}");
    };
    let row = |line: &str| format!("{HEADING}\n{line}\n");
    let to = "0x31bc2a964c8cc585ef366e225ea3a5e2a352c287";
    check(rule, "a,b\n", "first line");
    check(rule, &row("1,ETH,5"), "row 1");
    check(rule, &row(&format!("1,DOGE,5,{to}")), "\"DOGE\" is no asset");
    check(rule, &row(&format!("1,ETH,-5,{to}")), "\"-5\" is not a plain decimal number");
    check(rule, &row("1,ETH,5,0x31"), "row 1");
    check(
        &rule.replace("rollups = 6", "rollups = 17"),
        &row(&format!("1,ETH,5,{to}")),
        "rollups: 17",
    );
    check(&rule.replace("exit_every", "exit_evry"), &row("1,ETH,5,0x31"), "exit_evry");
}

/// As the scenario's description says.
const EXITS: usize = 80;
