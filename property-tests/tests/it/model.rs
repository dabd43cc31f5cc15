//! The model against itself: what must hold for any history.

#![expect(clippy::arithmetic_side_effects, reason = "a failure here is the test's failure")]

use domain::{
    AssetId, EpochNumber, LiquidityState, Netting, Operation, RollupId, StepContext, Word,
    plan_steps,
};
use property_tests::history::{Action, World, actions};
use proptest::prelude::*;

fn world() -> World {
    World::new(Word::from(5_u64))
}

/// Plays the actions; what the model refuses is left out.
fn play(actions: &[Action]) -> World {
    let mut world = world();
    for action in actions {
        if let Some(operation) = world.operation(action) {
            let before = world.state.clone();
            if world.apply(operation).is_err() {
                assert_eq!(world.state, before, "a refusal changes nothing");
            }
        }
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Per asset, what all cells hold is what was deposited less what exited.
    #[test]
    fn value_is_conserved(actions in actions(24)) {
        let world = play(&actions);
        for asset in AssetId::all() {
            let of_asset = || world.state.cells().filter(move |(_, cell_asset, _)| *cell_asset == asset);
            let held: u128 = of_asset().map(|(_, _, cell)| cell.balance.number()).sum();
            let deposited: u128 = of_asset().map(|(_, _, cell)| cell.deposited.number()).sum();
            let exited: u128 = of_asset().map(|(_, _, cell)| cell.exited.number()).sum();
            prop_assert_eq!(held + exited, deposited);
        }
    }

    /// Every batch, offered again after it was applied, is refused, and changes nothing.
    #[test]
    fn replays_and_refusals_change_nothing(actions in actions(16)) {
        let mut world = play(&actions);
        let before = world.state.clone();
        for operation in world.operations.clone() {
            if matches!(operation, Operation::Batch(_) | Operation::Register { .. }) {
                prop_assert!(world.apply(operation).is_err());
                prop_assert_eq!(&world.state, &before);
            }
        }
    }

    /// The steps of an epoch, those among them that were fixed while it was open, lead to the digest
    /// that its operations lead to, and their statement names every touched cell and active rollup
    /// exactly once.
    #[test]
    fn steps_and_operations_agree(actions in actions(48)) {
        let world = play(&actions);
        let context = StepContext { domain_word: world.domain_word(), epoch: EpochNumber::FIRST };
        let mut state = LiquidityState::genesis();
        let (mut digest, mut cells, mut rollups) = (Word::ZERO, 0, 0);
        for step in plan_steps(&world.operations).unwrap() {
            let (next, output) = step.run(&state, context, digest).unwrap();
            (state, digest) = (next, output.emission_digest);
            cells += step.emitted_cells().len();
            rollups += step.emitted_rollups().len();
        }
        prop_assert_eq!(state.digest(), world.state.close_epoch().digest());
        prop_assert_eq!(cells + rollups, world.state.pending());
    }

    /// A cell's balance changed by exactly its net position, and sent equals received per asset.
    #[test]
    fn netting_explains_every_balance(actions in actions(24)) {
        let world = play(&actions);
        let netting = Netting::of(&world.operations);
        for (rollup, asset, cell) in world.state.cells() {
            let net = netting.position(rollup, asset).net();
            prop_assert_eq!(i128::try_from(cell.balance.number()).unwrap(), net);
        }
        for asset in AssetId::all() {
            let sum = |of: fn(&domain::NetPosition) -> u128| -> u128 {
                RollupId::all().map(|rollup| of(&netting.position(rollup, asset))).sum()
            };
            prop_assert_eq!(sum(|position| position.sent), sum(|position| position.received));
            prop_assert!(netting.net(asset) <= netting.gross(asset));
        }
    }
}
