//! Exits: numbered, provable against the root of their epoch, and claimable once it settled.

use domain::{Claim, EpochNumber, ExitIndex};
use ledger::{ClaimStatus, ExitFilter, PageLimit, TransferId};

use crate::world::{ETH, ONE, TWO, USDC, atoms, out, recipient, to, with_world};

/// Every exit's path leads to the exit root with which its own epoch closed, also when later epochs
/// have added more; and no other claim is proven by it.
#[test]
fn a_path_leads_to_the_root_of_its_epoch() {
    with_world(|mut world| async move {
        for _ in 0..3 {
            for _ in 0..2 {
                let exits = vec![out(ETH, 1), out(USDC, 2), out(ETH, 3)];
                let batch = world.batch(ONE, vec![to(TWO, ETH, 1)], exits);
                world.post(&batch).await;
            }
            world.seal().await;
        }
        let claims = world.claims(ONE).await;
        assert_eq!(claims.len(), 18);
        for claim in &claims {
            let data = world.read.claim_data(ONE, claim.index).await.unwrap().unwrap();
            assert_eq!(&data.exit.claim, claim);
            let epoch = u64::from(claim.index.number() / 6 + 1);
            assert_eq!(data.epoch, EpochNumber::new(epoch));
            assert!(claim.proven_by(&data.path, data.exit_root));
            let more = Claim { atoms: atoms(9), ..*claim };
            assert!(!more.proven_by(&data.path, data.exit_root));
        }
        let last = world.read.claim_data(ONE, ExitIndex::new(17)).await.unwrap().unwrap();
        let head = world.read.rollup(ONE).await.unwrap().unwrap();
        assert_eq!((last.exit_root, head.exits), (head.exit_root, 18));
        world.assert_clean().await;
    });
}

/// An exit is open, then claimable, and without claim data while its epoch is open.
#[test]
fn an_exit_becomes_claimable_when_its_epoch_settles() {
    with_world(|mut world| async move {
        let batch = world.batch(ONE, Vec::new(), vec![out(ETH, 1)]);
        world.post(&batch).await;
        let index = ExitIndex::new(0);
        assert_eq!(world.read.claim_data(ONE, index).await.unwrap(), None);
        let sealed = world.seal().await;
        let open = world.read.exit(ONE, index).await.unwrap().unwrap();
        assert_eq!(open.status, ClaimStatus::Open);
        world.prove(sealed.epoch).await;
        assert!(world.read.claimable(PageLimit::MAX).await.unwrap().is_empty());
        world.settle(sealed.epoch).await;
        let claimable = world.read.exit(ONE, index).await.unwrap().unwrap();
        assert_eq!(claimable.status, ClaimStatus::Claimable);
        assert_eq!(world.read.claimable(PageLimit::MAX).await.unwrap(), [claimable]);
        let seen = crate::world::l1_block(5_000);
        world.engine.record_reorg(sealed.epoch, seen).await.unwrap();
        let open = world.read.exit(ONE, index).await.unwrap().unwrap();
        assert_eq!(open.status, ClaimStatus::Open);
        assert_eq!(world.read.exit(ONE, ExitIndex::new(1)).await.unwrap(), None);
        assert_eq!(world.read.exit(TWO, index).await.unwrap(), None);
    });
}

/// Lists go back page by page and miss nothing.
#[test]
fn exits_are_listed_page_by_page() {
    with_world(|mut world| async move {
        for _ in 0..4 {
            let exits = vec![out(ETH, 1), out(ETH, 2), out(ETH, 3)];
            let batch = world.batch(ONE, Vec::new(), exits);
            world.post(&batch).await;
        }
        let mut before: Option<TransferId> = None;
        let mut seen = Vec::new();
        loop {
            let page = world
                .read
                .exits(&ExitFilter::default(), before, PageLimit::new(5).unwrap())
                .await
                .unwrap();
            let Some(last) = page.last() else { break };
            before = Some(last.id);
            seen.extend(page.iter().map(|exit| exit.claim.index.number()));
        }
        let expected: Vec<u32> = (0..12).rev().collect();
        assert_eq!(seen, expected);
        let to_nobody = ExitFilter { recipient: Some(recipient(1)), ..ExitFilter::default() };
        let none = world.read.exits(&to_nobody, None, PageLimit::MAX).await.unwrap();
        assert!(none.is_empty());
    });
}
