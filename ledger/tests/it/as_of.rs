//! The past: whatever the books were at a block, a seal or a moment is told to the atom, by index.

use alloy_primitives::U256;
use domain::EpochNumber;
use domain::l1::L1Event;
use ledger::{
    AccountBalance, AsOf, BlockNumber, CellAt, CellPosition, Error, FlowFilter, PageLimit,
    SealReason, TransferFilter, TrialBalanceLine,
};
use sqlx::AssertSqlSafe;
use time::OffsetDateTime;

use crate::world::{ETH, ONE, THREE, TWO, USDC, World, deposit, out, to, with_world};

/// What stood at a moment of a history.
struct Stood {
    epoch: EpochNumber,
    block: BlockNumber,
    accounts: Vec<AccountBalance>,
    trial_balance: Vec<TrialBalanceLine>,
    cells: Vec<CellPosition>,
    at: OffsetDateTime,
    sealed: bool,
}

async fn look(world: &World, sealed: Option<EpochNumber>) -> Stood {
    let open = world.read.open_epoch().await.unwrap().epoch;
    let head = world.read.journal_head().await.unwrap().unwrap();
    Stood {
        epoch: sealed.unwrap_or(open),
        block: head.block,
        accounts: world.read.accounts().await.unwrap(),
        trial_balance: world.read.trial_balance().await.unwrap(),
        cells: world.read.cells().await.unwrap(),
        at: world.read.journal_block(head.block).await.unwrap().unwrap().posted_at,
        sealed: sealed.is_some(),
    }
}

/// A history of three epochs, with what stood after each posting and before each seal: deposits, batches
/// with exits, an eviction of two batches, a claim, an epoch that holds nothing.
async fn history(world: &mut World) -> Vec<Stood> {
    let mut stood = vec![look(world, None).await];
    for epoch in 1..=3_u64 {
        for round in 0..3 {
            for rollup in [ONE, TWO, THREE] {
                let next = if rollup == THREE { ONE } else { THREE };
                let amount = u128::from(epoch * 7 + round);
                let transfers = vec![to(next, ETH, amount), to(next, USDC, 1), to(next, ETH, 2)];
                let exits = if round == 1 { vec![out(ETH, 3), out(ETH, 1)] } else { Vec::new() };
                let batch = world.batch(rollup, transfers, exits);
                world.post(&batch).await;
                stood.push(look(world, None).await);
            }
            world.record(vec![deposit(TWO, USDC, 5)]).await.unwrap();
            stood.push(look(world, None).await);
        }
        let unprovable = world.batch(TWO, vec![to(ONE, ETH, 9)], vec![out(USDC, 2)]);
        world.post(&unprovable).await;
        let after = world.batch(TWO, vec![to(ONE, ETH, 1)], Vec::new());
        world.post(&after).await;
        stood.push(look(world, None).await);
        world.evict(&unprovable, "its witness has no solution").await.unwrap();
        world.back_to(&unprovable);
        let last = look(world, None).await;
        stood.push(last);
        let before = look(world, Some(EpochNumber::new(epoch))).await;
        world.seal().await;
        stood.push(before);
        if epoch == 1 {
            let claim = world.claims(ONE).await[0];
            world
                .record(vec![L1Event::ClaimPaid { epoch: EpochNumber::FIRST, claim }])
                .await
                .unwrap();
            stood.push(look(world, None).await);
        }
    }
    let nothing = look(world, Some(EpochNumber::new(4))).await;
    world.engine.seal(SealReason::Grace).await.unwrap().unwrap();
    stood.push(nothing);
    stood
}

fn past(cell: &CellPosition) -> CellAt {
    let CellPosition { rollup, asset, balance, deposited, exited, pot, .. } = *cell;
    CellAt { rollup, asset, balance, deposited, exited, pot }
}

async fn check(world: &World, as_of: AsOf, stood: &Stood) {
    let books = world.read.books_at(as_of).await.unwrap();
    assert_eq!(books.head.map(|head| head.block), Some(stood.block), "{as_of:?}");
    assert_eq!(books.accounts, stood.accounts, "{as_of:?}");
    assert_eq!(books.trial_balance().unwrap(), stood.trial_balance, "{as_of:?}");
    let cells = world.read.cells_at(as_of).await.unwrap();
    assert_eq!((cells.epoch, cells.head), (stood.epoch, books.head), "{as_of:?}");
    let expected: Vec<CellAt> = stood.cells.iter().map(past).collect();
    assert_eq!(cells.cells, expected, "{as_of:?}");
}

/// At every block, seal and moment of a history the books are told as they were then.
#[test]
fn the_past_is_what_it_was() {
    with_world(|mut world| async move {
        let stood = history(&mut world).await;
        assert!(stood.len() > 40);
        for one in &stood {
            if one.sealed {
                check(&world, AsOf::Epoch(one.epoch), one).await;
                continue;
            }
            check(&world, AsOf::Block(one.block), one).await;
            check(&world, AsOf::Time(one.at), one).await;
        }
        let now = look(&world, None).await;
        check(&world, AsOf::Now, &now).await;
        // Before anything was booked there is nothing; what has not come is no state of the books.
        let before = AsOf::Time(OffsetDateTime::UNIX_EPOCH);
        let none = world.read.books_at(before).await.unwrap();
        assert_eq!((none.head, none.accounts.len()), (None, 0));
        let next = BlockNumber::new(now.block.number() + 1);
        let refused = world.read.books_at(AsOf::Block(next)).await;
        assert!(matches!(refused, Err(Error::UnknownBlock { last, .. }) if last == now.block));
        let refused = world.read.cells_at(AsOf::Block(BlockNumber::new(0))).await;
        assert!(matches!(refused, Err(Error::UnknownBlock { .. })));
        let future = AsOf::Time(OffsetDateTime::now_utc() + time::Duration::days(1));
        let refused = world.read.books_at(future).await;
        assert!(matches!(refused, Err(Error::InTheFuture { .. })));
        let refused = world.read.books_at(AsOf::Epoch(EpochNumber::new(5))).await;
        assert!(matches!(refused, Err(Error::NotSealed { .. })));
        let refused = world.read.books_at(AsOf::Epoch(EpochNumber::new(6))).await;
        assert!(matches!(refused, Err(Error::UnknownEpoch { .. })));
        world.assert_clean().await;
    });
}

/// A moment is answered when nothing can come any more that bears it: not while somebody writes who may have
/// begun before.
#[test]
fn a_moment_is_answered_when_it_is_over() {
    with_world(|world| async move {
        let mut writer = world.raw.begin().await.unwrap();
        sqlx::query("select lock_books()").execute(&mut *writer).await.unwrap();
        let moment = AsOf::Time(OffsetDateTime::now_utc());
        let read = world.read.clone();
        let mut asked = tokio::spawn(async move { read.books_at(moment).await });
        let early = tokio::time::timeout(std::time::Duration::from_millis(1_500), &mut asked).await;
        assert!(early.is_err(), "{early:?}");
        writer.rollback().await.unwrap();
        assert_eq!(asked.await.unwrap().unwrap(), world.read.books_at(AsOf::Now).await.unwrap());
    });
}

/// An account's statement runs without a break: each page opens with what the next older one closes with,
/// from what stands now down to nothing, whatever is posted meanwhile.
#[test]
fn statements_run_without_a_break() {
    with_world(|mut world| async move {
        history(&mut world).await;
        let accounts = world.read.accounts().await.unwrap();
        for nth in 0..accounts.len() {
            let one = world.read.accounts().await.unwrap()[nth];
            let filter = TransferFilter { account: Some(one.account), ..Default::default() };
            let (mut before, mut closing, mut seen) = (None, one.balance, 0);
            loop {
                let limit = PageLimit::new(9).unwrap();
                let page = world.read.transfers(&filter, before, limit).await.unwrap();
                for transfer in &page.items {
                    let (opened, closed) = transfer.balances_of(one.account).unwrap();
                    assert_eq!(closed, closing);
                    (closing, seen) = (opened, seen + 1);
                }
                let Some(last) = page.items.last() else { break };
                if before.is_none() {
                    let batch = world.batch(THREE, vec![to(ONE, ETH, 1)], vec![out(ETH, 1)]);
                    world.post(&batch).await;
                }
                before = Some(last.id);
            }
            assert_eq!((closing.number(), seen), (0, one.transfers), "{}", one.account);
        }
    });
}

/// The flows are the sums and numbers of what stands: of the transfers listed, epoch by epoch and in all,
/// without what was evicted.
#[test]
fn flows_are_the_sums_of_what_stands() {
    with_world(|mut world| async move {
        history(&mut world).await;
        for range in [(1_i64, 1_i64), (2, 2), (1, 3), (2, 4), (4, 4), (1, 9)] {
            for asset in [None, Some(ETH)] {
                let expected: Vec<(i32, i32, i32, String, i64)> = sqlx::query_as(
                    "select asset_id, case when debit_account_id / 4294967296 = 1 then 0
                            else ((debit_account_id / 65536) % 65536)::integer end,
                        case when credit_account_id / 4294967296 = 3 then 0
                            else ((credit_account_id / 65536) % 65536)::integer end,
                        sum(atoms)::text, count(*)
                    from transfer t where posting_kind in (3, 4) and epoch_number between $1 and $2
                        and ($3::integer is null or asset_id = $3) and not exists (
                            select from batch_eviction x where x.reversed_block = t.block_number
                        )
                    group by 1, 2, 3 order by 1, 2, 3",
                )
                .bind(range.0)
                .bind(range.1)
                .bind(asset.map(|asset| i32::from(asset.number())))
                .fetch_all(&world.raw)
                .await
                .unwrap();
                let filter = FlowFilter {
                    from_epoch: Some(EpochNumber::new(range.0.unsigned_abs())),
                    to_epoch: Some(EpochNumber::new(range.1.unsigned_abs())),
                    asset,
                };
                let flows = world.read.flows(&filter).await.unwrap();
                let found: Vec<_> = flows
                    .iter()
                    .map(|flow| {
                        let ids = [flow.asset.number(), flow.from.number(), flow.to.number()];
                        let [asset, from, to] = ids.map(i32::from);
                        (
                            asset,
                            from,
                            to,
                            flow.atoms.to_string(),
                            i64::try_from(flow.transfers).unwrap(),
                        )
                    })
                    .collect();
                assert_eq!(found, expected, "{range:?} {asset:?}");
            }
        }
        let all = world.read.flows(&FlowFilter::default()).await.unwrap();
        let deposited = all.iter().filter(|flow| flow.from == domain::RollupId::L1);
        let deposited = deposited.fold(U256::ZERO, |sum, flow| sum + flow.atoms);
        assert_eq!(deposited, U256::from(6 * 1_000 + 9 * 5));
    });
}

/// Every query of these files, as it stands there, finds the transfers by an index: none has to read them
/// one by one, however long the journal is.
#[test]
fn no_read_scans_the_transfers() {
    with_world(|mut world| async move {
        history(&mut world).await;
        let sources = [
            include_str!("../../src/as_of.rs"),
            include_str!("../../src/flows.rs"),
            include_str!("../../src/transfers.rs"),
        ];
        let queries = sources.iter().flat_map(|source| source.split("r#\"").skip(1));
        let queries: Vec<&str> = queries.map(|rest| rest.split("\"#").next().unwrap()).collect();
        let touching = queries.iter().filter(|query| query.contains("from transfer"));
        let mut explained = 0;
        for query in touching {
            let count = (1..10).rev().find(|nth| query.contains(&format!("${nth}"))).unwrap_or(0);
            let arguments = vec!["null"; count].join(", ");
            let mut tx = world.raw.begin().await.unwrap();
            let statements = format!(
                "set local enable_seqscan = off; set local plan_cache_mode = force_generic_plan;
                prepare read_{explained} as {query}"
            );
            sqlx::raw_sql(AssertSqlSafe(statements)).execute(&mut *tx).await.unwrap();
            let explain = format!("explain execute read_{explained}({arguments})");
            let plan: Vec<String> =
                sqlx::query_scalar(AssertSqlSafe(explain)).fetch_all(&mut *tx).await.unwrap();
            let scan = plan.iter().find(|line| line.contains("Seq Scan on transfer"));
            assert_eq!(scan, None, "{plan:#?}");
            assert!(plan.iter().any(|line| line.contains("on transfer")), "{plan:#?}");
            explained += 1;
        }
        assert_eq!(explained, 5);
    });
}
