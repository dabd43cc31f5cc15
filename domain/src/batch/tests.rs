use super::*;
use crate::SigningKey;

fn atoms(number: u128) -> Atoms {
    Atoms::new(number).unwrap()
}

fn parts() -> BatchParts {
    let recipient = Address::repeat_byte(5);
    let asset = AssetId::new(1);
    let rollup = RollupId::new(1);
    let transfers = vec![
        Transfer { to: RollupId::new(2), asset, atoms: atoms(7), recipient },
        Transfer { to: RollupId::new(2), asset, atoms: atoms(5), recipient },
    ];
    let exits = vec![Exit { asset, atoms: atoms(3), recipient }];
    let lanes = Batch::sum_lanes(rollup, &transfers, &exits).unwrap();
    BatchParts {
        rollup,
        height: Height::FIRST,
        previous_root: L2Root::UNSET,
        new_root: L2Root::new(B256::repeat_byte(1)),
        exit_root: ExitRoot::UNSET,
        transfers,
        exits,
        lanes,
        signature: SigningKey::from_seed([1; 32]).sign(Word::ZERO),
    }
}

/// The batch with one thing changed is refused for exactly that.
fn check(change: impl FnOnce(&mut BatchParts), refused: impl FnOnce(&Refusal) -> bool) {
    let mut parts = parts();
    change(&mut parts);
    let refusal = Batch::new(parts).unwrap_err();
    assert!(refused(&refusal), "{refusal}");
}

#[test]
fn lanes_are_the_sums_of_what_is_listed() {
    let batch = Batch::new(parts()).unwrap();
    let asset = AssetId::new(1);
    let expected = [
        Lane { asset, destination: RollupId::L1, atoms: atoms(3) },
        Lane { asset, destination: RollupId::new(2), atoms: atoms(12) },
    ];
    assert_eq!(batch.lanes(), expected);
    assert_eq!(batch.head().total_of(asset), Ok(atoms(15)));
}

#[test]
fn each_rule_refuses_by_its_name() {
    check(
        |parts| parts.lanes[1].atoms = atoms(11),
        |refusal| matches!(refusal, Refusal::LanesDiffer { declared, listed, .. } if (declared.number(), listed.number()) == (11, 12)),
    );
    check(|parts| parts.lanes.truncate(1), |r| matches!(r, Refusal::LanesDiffer { .. }));
    check(|parts| parts.lanes.swap(0, 1), |r| matches!(r, Refusal::LanesOutOfOrder { index: 1 }));
    check(
        |parts| parts.lanes = vec![parts.lanes[0]; LANES_PER_BATCH + 1],
        |r| matches!(r, Refusal::TooManyLanes { .. }),
    );
    check(
        |parts| parts.transfers = vec![parts.transfers[0]; 1001],
        |r| matches!(r, Refusal::TooManyTransfers { found: 1002, .. }),
    );
    check(
        |parts| parts.exits[0].atoms = Atoms::ZERO,
        |r| matches!(r, Refusal::ZeroAmount { index: 2 }),
    );
    check(
        |parts| parts.transfers[1].to = parts.rollup,
        |r| matches!(r, Refusal::BadDestination { index: 1, .. }),
    );
    check(
        |parts| parts.transfers[1].to = RollupId::L1,
        |r| matches!(r, Refusal::BadDestination { .. }),
    );
    check(
        |parts| parts.transfers[1].to = RollupId::new(17),
        |r| matches!(r, Refusal::UnknownRollup { .. }),
    );
    check(
        |parts| parts.exits[0].asset = AssetId::new(0),
        |r| matches!(r, Refusal::UnknownAsset { .. }),
    );
    check(|parts| parts.rollup = RollupId::L1, |r| matches!(r, Refusal::UnknownRollup { .. }));
    check(
        |parts| parts.transfers[0].atoms = Atoms::MAX,
        |r| matches!(r, Refusal::AmountTooLarge { .. }),
    );
    check(
        |parts| {
            let ghost =
                Lane { asset: AssetId::new(2), destination: RollupId::L1, atoms: Atoms::ZERO };
            parts.lanes.push(ghost);
        },
        |r| matches!(r, Refusal::LanesDiffer { .. }),
    );
}

/// Everything that is signed changes the digest.
#[test]
fn the_digest_covers_every_part() {
    let word = Word::from(1_u64);
    let digest = |change: &dyn Fn(&mut BatchParts)| {
        let mut parts = parts();
        change(&mut parts);
        parts.digest(word)
    };
    let mut digests = vec![
        digest(&|_| ()),
        digest(&|parts| parts.rollup = RollupId::new(2)),
        digest(&|parts| parts.height = Height::new(1)),
        digest(&|parts| parts.previous_root = L2Root::new(B256::repeat_byte(2))),
        digest(&|parts| parts.new_root = L2Root::new(B256::repeat_byte(3))),
        digest(&|parts| parts.exit_root = ExitRoot::new(B256::repeat_byte(4))),
        digest(&|parts| parts.transfers[0].recipient = Address::ZERO),
        digest(&|parts| parts.transfers.swap(0, 1)),
        digest(&|parts| parts.exits[0].recipient = Address::ZERO),
        digest(&|parts| parts.lanes[0].atoms = atoms(4)),
        digest(&|parts| parts.lanes.truncate(1)),
        parts().digest(Word::from(2_u64)),
    ];
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), 12);
}

#[test]
fn the_exit_root_must_follow_from_the_exits() {
    let mut parts = parts();
    let tree = ExitTree::empty();
    let refused = Batch::new(parts.clone()).unwrap().continue_exit_tree(&tree);
    let Err(Refusal::ExitRootMismatch { expected, .. }) = refused else { panic!("{refused:?}") };
    parts.exit_root = expected;
    let next = Batch::new(parts).unwrap().continue_exit_tree(&tree).unwrap();
    assert_eq!(next.next_index().number(), 1);
}
