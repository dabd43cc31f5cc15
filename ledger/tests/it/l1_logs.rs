//! L1's logs are booked once, in order, or not at all.

use alloy_primitives::{Address, B256};
use domain::l1::{L1Block, L1Event, L1Log, L1LogId};
use domain::{Asset, Claim, EpochNumber, ExitIndex, Refusal, RollupId, Word};
use ledger::{BookedLogs, ClaimStatus, DepositFilter, Error, PageLimit};

use crate::world::{
    ETH, ONE, TWO, USDC, World, adoption, atoms, deposit, l1_block, out, recipient, signing_key,
    to, with_schema, with_world,
};

/// The range is refused for exactly that, and every row is as before.
async fn check(
    world: &mut World,
    logs: &[L1Log],
    end: L1Block,
    refused: impl FnOnce(&Error) -> bool,
) {
    let before = world.dump().await;
    let refusal = world.engine.record_l1_block_range(logs, end).await.unwrap_err();
    assert!(refused(&refusal), "{refusal:?}");
    assert_eq!(world.dump().await, before);
}

/// Sending a range again, as after an unknown outcome, changes nothing.
#[test]
fn a_range_is_booked_once() {
    with_world(|mut world| async move {
        let log = world.log(deposit(ONE, ETH, 7));
        let end = log.block;
        let booked = world.engine.record_l1_block_range(std::slice::from_ref(&log), end).await;
        assert_eq!(booked.unwrap(), BookedLogs { deposits: 1, ..BookedLogs::default() });
        let before = world.dump().await;
        let again = world.engine.record_l1_block_range(std::slice::from_ref(&log), end).await;
        assert_eq!(again.unwrap(), BookedLogs { already_booked: 1, ..BookedLogs::default() });
        assert_eq!(world.dump().await, before);

        // A longer range that starts before the cursor books only what is new.
        let mut later = log.clone();
        later.id = L1LogId { tx_hash: B256::repeat_byte(9), log_index: 0 };
        later.block = l1_block(end.number + 1);
        let both = [log, later.clone()];
        let booked = world.engine.record_l1_block_range(&both, later.block).await.unwrap();
        assert_eq!((booked.deposits, booked.already_booked), (1, 1));
        assert_eq!(world.read.l1_cursor().await.unwrap(), Some(later.block));
        let of_one = DepositFilter { rollup: Some(ONE), epoch: None };
        let deposits = world.read.deposits(&of_one, None, PageLimit::MAX).await.unwrap();
        assert_eq!(deposits.len(), 4);
        assert_eq!(deposits[0].log, later.id);
        world.assert_clean().await;
    });
}

/// Two watchers that book the same range at once book it once.
#[test]
fn racing_watchers_book_a_range_once() {
    with_world(|mut world| async move {
        let log = world.log(deposit(ONE, ETH, 7));
        let end = log.block;
        let mut racing = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let (engine, log) = (world.engine.clone(), log.clone());
            racing.spawn(async move { engine.record_l1_block_range(&[log], end).await.unwrap() });
        }
        let booked: u32 = racing.join_all().await.iter().map(|one| one.deposits).sum();
        assert_eq!(booked, 1);
        world.assert_clean().await;
    });
}

/// What cannot be right is refused, with nothing of its range booked.
#[test]
fn a_wrong_range_is_refused_whole() {
    with_world(|mut world| async move {
        let end = world.l1_end();
        let next = l1_block(end.number + 1);
        check(&mut world, &[], L1Block { hash: B256::ZERO, ..end }, |error| {
            matches!(error, Error::L1CursorBehind { .. })
        })
        .await;
        check(&mut world, &[], l1_block(0), |e| matches!(e, Error::L1CursorBehind { .. })).await;
        let mut late = world.log(deposit(ONE, ETH, 1));
        late.block = l1_block(next.number + 1);
        check(&mut world, &[late], next, |e| matches!(e, Error::L1LogOutside { .. })).await;
        let mut early = world.log(deposit(ONE, ETH, 1));
        early.block = end;
        check(&mut world, &[early], next, |e| matches!(e, Error::L1LogOutside { .. })).await;
        let logs = [world.log(deposit(ONE, ETH, 1)), world.log(deposit(ONE, ETH, 2))];
        let swapped = [logs[1].clone(), logs[0].clone()];
        check(&mut world, &swapped, next, |e| matches!(e, Error::L1LogOutside { .. })).await;
        let twice = [logs[0].clone(), logs[0].clone()];
        check(&mut world, &twice, next, |e| matches!(e, Error::L1LogOutside { .. })).await;

        let good = world.log(deposit(ONE, ETH, 1));
        let again = L1Event::RollupRegistered { rollup: ONE, key: signing_key(TWO).public() };
        let again = world.log(again);
        check(&mut world, &[good.clone(), again], next, |error| {
            matches!(error, Error::Refused(Refusal::AlreadyRegistered { .. }))
        })
        .await;
        let nobody = world.log(deposit(RollupId::new(5), ETH, 1));
        check(&mut world, &[good.clone(), nobody], next, |error| {
            matches!(error, Error::Refused(Refusal::UnknownRollup { .. }))
        })
        .await;
        let huge = world.log(deposit(ONE, ETH, domain::limits::ATOMS_MAX));
        check(&mut world, &[good.clone(), huge], next, |error| {
            matches!(error, Error::Refused(Refusal::AmountTooLarge { .. }))
        })
        .await;
        // Each cell would hold it, custody would not.
        let large = world.log(deposit(ONE, ETH, domain::limits::ATOMS_MAX - 1_500));
        check(&mut world, &[good.clone(), large], next, |error| {
            matches!(error, Error::AccountOutOfBound { .. })
        })
        .await;
        let asset = L1Event::AssetRegistered(Asset::new(ETH, Address::ZERO, 18, 6).unwrap());
        let asset = world.log(asset);
        check(&mut world, &[good, asset], next, |error| {
            matches!(error, Error::Forbidden { constraint: "asset_key" })
        })
        .await;
        world.assert_clean().await;
    });
}

/// A paid claim takes its exit off the pot, once and on its terms.
#[test]
fn a_claim_is_paid_from_its_pot() {
    with_world(|mut world| async move {
        let batch = world.batch(ONE, vec![to(TWO, ETH, 1)], vec![out(ETH, 40), out(USDC, 2)]);
        world.post(&batch).await;
        let sealed = world.seal().await;
        world.prove(sealed.epoch).await;
        world.settle(sealed.epoch).await;
        let claims = world.claims(ONE).await;
        assert_eq!(claims.len(), 2);
        let paid = |claim: Claim| L1Event::ClaimPaid { epoch: sealed.epoch, claim };
        let end = l1_block(world.l1_end().number + 1);
        let wrong = [
            Claim { atoms: atoms(41), ..claims[0] },
            Claim { recipient: recipient(1), ..claims[0] },
            Claim { asset: USDC, ..claims[0] },
        ];
        for claim in wrong {
            let log = world.log(paid(claim));
            check(&mut world, &[log], end, |e| matches!(e, Error::ClaimDiffers { .. })).await;
        }
        let unknown = world.log(paid(Claim { index: ExitIndex::new(2), ..claims[0] }));
        check(&mut world, &[unknown], end, |e| matches!(e, Error::UnknownExit { .. })).await;
        assert_eq!(world.read.claimable(PageLimit::MAX).await.unwrap().len(), 2);

        world.record(vec![paid(claims[0])]).await.unwrap();
        let twice = world.log(paid(claims[0]));
        let end = l1_block(world.l1_end().number + 1);
        check(&mut world, &[twice], end, |error| {
            matches!(
                error,
                Error::AccountOutOfBound { .. } | Error::Forbidden { constraint: "claim_once" }
            )
        })
        .await;
        let exit = world.read.exit(ONE, ExitIndex::new(0)).await.unwrap().unwrap();
        assert!(matches!(exit.status, ClaimStatus::Paid { .. }));
        assert_eq!(world.read.claimable(PageLimit::MAX).await.unwrap().len(), 1);
        for line in world.read.trial_balance().await.unwrap() {
            assert_eq!(line.debits, line.credits);
            assert_eq!(line.custody, line.cells + line.pots);
        }
        world.assert_clean().await;
    });
}

/// A settlement that is not of what was sealed stops the watcher: the books would not be L1's.
#[test]
fn a_settlement_of_something_else_is_an_incident() {
    with_world(|mut world| async move {
        let end = l1_block(world.l1_end().number + 1);
        let books = B256::ZERO;
        let event =
            |epoch, state_digest| L1Event::EpochSettled { epoch, state_digest, steps: 1, books };
        let open = world.log(event(EpochNumber::FIRST, Word::ZERO));
        check(&mut world, &[open], end, |e| matches!(e, Error::NotSealed { .. })).await;
        let sealed = world.seal().await;
        let other = world.log(event(sealed.epoch, Word::from(1_u64)));
        check(&mut world, &[other], end, |e| matches!(e, Error::SettledOtherwise { .. })).await;
        world.record(vec![event(sealed.epoch, sealed.closing_digest)]).await.unwrap();
        let logged = world.read.l1_settlement(sealed.epoch).await.unwrap().unwrap();
        assert_eq!(logged.state_digest, sealed.closing_digest);
        world.assert_clean().await;
    });
}

/// These books belong to one domain for good.
#[test]
fn a_ledger_serves_one_domain() {
    with_schema(|url| async move {
        let world = World::empty(url).await;
        assert!(world.read.domain().await.unwrap().is_none());
        assert!(matches!(world.read.open_epoch().await, Err(Error::NoDomain)));
        let booked = world.engine.record_l1_block_range(&[], l1_block(1)).await;
        assert!(matches!(booked, Err(Error::NoDomain)));
        let mut other = adoption();
        other.genesis_digest = Word::from(1_u64);
        let refused = world.engine.adopt_domain(&other).await;
        assert!(matches!(refused, Err(Error::NotGenesis { .. })));
        world.engine.adopt_domain(&adoption()).await.unwrap();
        world.engine.adopt_domain(&adoption()).await.unwrap();
        assert_eq!(world.read.domain().await.unwrap(), Some(adoption()));
        let mut other = adoption();
        other.identity.chain_id = 1;
        let refused = world.engine.adopt_domain(&other).await;
        assert!(matches!(refused, Err(Error::DomainChanged { .. })));
        assert_eq!(world.read.open_epoch().await.unwrap().epoch, EpochNumber::FIRST);
        world.assert_clean().await;
    });
}
