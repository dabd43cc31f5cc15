//! Lane slots. Every batch here is signed as it stands: only the lane's own rule is broken.

use domain::{AssetId, Lane, RollupId};

use super::*;
use crate::{field::power_of_two, history::atoms};

fn lane(destination: u16, asset: u16, number: u128) -> Lane {
    Lane {
        asset: AssetId::new(asset),
        destination: RollupId::new(destination),
        atoms: atoms(number),
    }
}

fn of_lanes(lanes: Vec<Lane>) -> Attempt {
    Attempt::of_batch(&opening(), BatchParts { lanes, ..parts(&opening(), 1, &[]) })
}

/// The batch of one lane of rollup 1, changed and signed again over the changed lane word.
fn resigned(atoms: Scalar, change: impl FnOnce(&mut Witness)) -> Attempt {
    let batch = parts(&opening(), 1, &[(2, 1, 5)]);
    let mut words = batch.digest_words(context().domain_word);
    let place = power_of_two(96) + Scalar::from(2) * power_of_two(112);
    words[10] = word(atoms + place);
    let signature = signing_key(1).sign(chain_hash("netfold.batch.v1", &words));
    let batch = BatchParts { signature, ..batch };
    Attempt::of(&opening(), &[])
        .with(|witness| {
            witness.batches[0] = BatchWitness::new(&batch);
            witness.batches[0].lanes[0].atoms = atoms;
        })
        .with(change)
}

/// A lane's amount is below `2^96`, whatever was signed.
#[test]
fn amounts_are_bounded() {
    resigned(Scalar::from(6), |_| ()).accepted();
    let refused = ["lane 0 / atoms are bounded", "no overdraft", "balance is bounded"];
    resigned(power_of_two(96), |_| ()).check_refused_by_any(&refused);
    resigned(-Scalar::ONE, |_| ()).check_refused_by_any(&refused);
    // A balance of that size does not help.
    let rich = resigned(power_of_two(96), |witness| {
        witness.cells[0].balance = power_of_two(97);
    });
    rich.sealed().check_refused_by_any(&[refused[0], refused[2], "no overdraft"]);
}

/// A lane goes to L1 or to a registered rollup.
#[test]
fn an_unregistered_destination_is_refused() {
    of_lanes(vec![lane(0, 1, 5)]).accepted();
    of_lanes(vec![lane(3, 1, 5)]).accepted();
    of_lanes(vec![lane(4, 1, 5)]).check_refused_by("destination 3 / registered");
    of_lanes(vec![lane(8, 1, 5)]).check_refused_by("destination 7 / registered");
}

/// A lane does not go to the rollup that it comes from.
#[test]
fn a_lane_to_itself_is_refused() {
    of_lanes(vec![lane(1, 1, 5)]).check_refused_by("destination 0 / not the source");
}

/// Value neither vanishes nor doubles: a lane with atoms has exactly one asset and destination.
#[test]
fn a_lane_has_one_asset_and_one_destination() {
    let honest = || of_lanes(vec![lane(2, 1, 5)]);
    let changes: [fn(&mut Witness); 4] = [
        |witness| witness.batches[0].lanes[0].asset = [Scalar::ZERO; 4],
        |witness| witness.batches[0].lanes[0].destination = [Scalar::ZERO; MAX_ROLLUPS + 1],
        |witness| witness.batches[0].lanes[0].asset[1] = Scalar::ONE,
        |witness| witness.batches[0].lanes[0].destination[3] = Scalar::ONE,
    ];
    for change in changes {
        let broken = honest().with(change).run().unwrap_err();
        let own = |name: &String| name.contains("chosen if used") || name.contains("at most one");
        assert!(broken.iter().any(own), "{broken:?}");
    }
}

/// Several lanes of one batch may share a cell; each moves its own amount.
#[test]
fn lanes_add_up() {
    let moved = of_lanes(vec![lane(2, 1, 5), lane(2, 1, 7), lane(0, 1, 1), lane(3, 2, 9)]);
    let output = moved.accepted();
    // Cells (1,1), (1,2), (2,1), (3,2) and rollup 1.
    assert_eq!(output[3], Scalar::from(5));
}
