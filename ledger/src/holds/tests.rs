//! Holds on what a rollup may spend: nothing in production holds a cell yet, the books know it all the
//! same.

use std::future::Future;

use alloy_primitives::Address;
use domain::l1::L1Event;
use domain::{
    Asset, AssetId, Atoms, Batch, BatchParts, DomainId, DomainIdentity, ExitTree, L2Root,
    LiquidityState, RollupId, SigningKey, Transfer, Word,
};

use super::*;
use crate::{Account, Adoption, DepositFilter, PageLimit, Role};

const ONE: RollupId = RollupId::new(1);
const TWO: RollupId = RollupId::new(2);
const ETH: AssetId = AssetId::new(1);

struct World {
    engine: Ledger,
    api: Ledger,
}

fn identity() -> DomainIdentity {
    DomainIdentity {
        chain_id: 31337,
        settlement: Address::repeat_byte(0x5e),
        domain_id: DomainId::new(1),
        verification_key_id: B256::repeat_byte(0x7e),
    }
}

fn key(rollup: RollupId) -> SigningKey {
    SigningKey::from_seed([u8::try_from(rollup.number()).unwrap(); 32])
}

fn atoms(number: u128) -> Atoms {
    Atoms::new(number).unwrap()
}

/// Two rollups with 1,000 atoms each, in a database of their own.
fn with_world<T: Future<Output = ()>>(name: &str, test: impl FnOnce(World) -> T) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let server = std::env::var("DATABASE_URL").expect("DATABASE_URL names a Postgres server");
        let name = format!("ledger_{name}_{}", std::process::id());
        let url = crate::database::create_migrated(&server, &name).await.unwrap();
        let engine = Ledger::connect(&url, Role::Engine, 4).await.unwrap();
        let api = Ledger::connect(&url, Role::Api, 4).await.unwrap();
        let genesis_digest = LiquidityState::genesis().digest();
        let adoption = Adoption { identity: identity(), genesis_digest, deployed_at_block: 1 };
        engine.adopt_domain(&adoption).await.unwrap();
        let asset = Asset::new(ETH, Address::ZERO, 18, 18).unwrap();
        let mut events = vec![L1Event::AssetRegistered(asset)];
        for rollup in [ONE, TWO] {
            events.push(L1Event::RollupRegistered { rollup, key: key(rollup).public() });
            let depositor = Address::repeat_byte(1);
            events.push(L1Event::Deposited { rollup, asset: ETH, depositor, atoms: atoms(1_000) });
        }
        let block = L1Block { number: 1, hash: B256::repeat_byte(1) };
        let logs: Vec<L1Log> = (0..)
            .zip(events)
            .map(|(log_index, event)| {
                let id = L1LogId { tx_hash: B256::repeat_byte(2), log_index };
                L1Log { id, block, event }
            })
            .collect();
        engine.record_l1_block_range(&logs, block).await.unwrap();
        test(World { engine, api }).await;
        crate::database::remove(&server, &name).await.unwrap();
    });
}

impl World {
    /// Holds so much of cell 1 for cell 2.
    async fn hold(&self, number: u128) -> Result<OpenHold, Error> {
        let (debit, credit) =
            (Account::Cell { rollup: ONE, asset: ETH }, Account::Cell { rollup: TWO, asset: ETH });
        let wanted = Move { debit, credit, atoms: atoms(number), recipient: None };
        let mut tx = self.engine.write().await?;
        let mut head = Head::read(&mut tx).await?;
        let block =
            head.hold(&mut tx, &[NewHold { held: wanted, cause: "a test", seen: None }]).await?[0];
        tx.commit().await?;
        Ok(OpenHold { block, hash: head.hash, held: wanted })
    }

    async fn release(&self, hold: OpenHold) -> Result<(), Error> {
        let mut tx = self.engine.write().await?;
        let mut head = Head::read(&mut tx).await?;
        head.release(&mut tx, &[(hold, ReleaseReason::Reorg)]).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Posts the rollup's first batch, which moves so much to the other one.
    async fn spend(&self, number: u128) -> Result<(), Error> {
        let to = Transfer { to: TWO, asset: ETH, atoms: atoms(number), recipient: Address::ZERO };
        let mut parts = BatchParts {
            rollup: ONE,
            height: domain::Height::FIRST,
            previous_root: L2Root::UNSET,
            new_root: L2Root::new(B256::repeat_byte(9)),
            exit_root: ExitTree::empty().root(),
            lanes: Batch::sum_lanes(ONE, &[to], &[]).unwrap(),
            transfers: vec![to],
            exits: Vec::new(),
            signature: key(ONE).sign(Word::ZERO),
        };
        parts.signature = key(ONE).sign(parts.digest(identity().word()));
        self.api.post_batch(&Batch::new(parts).unwrap()).await.map(drop)
    }

    async fn is_clean(&self) -> bool {
        crate::audit::run(&self.engine, &mut |_| ()).await.unwrap().drift == 0
    }
}

/// NO_OVERDRAFT: what is held of a cell is not spent, by a writer that knows the books already too;
/// released, it can be. What is held besides is refused, and nothing of it is written.
#[test]
fn what_is_held_is_not_spent() {
    with_world("not_spent", |world| async move {
        // The writer knows the books from here on.
        assert!(matches!(world.spend(1_001).await, Err(Error::Refused(_))));
        let hold = world.hold(600).await.unwrap();
        let refused = world.spend(401).await.unwrap_err();
        let Error::AmountHeld { rollup, asset, asked, available, held } = refused else {
            panic!("{refused}")
        };
        assert_eq!((rollup, asset, asked, available, held), (ONE, ETH, 401, 400, 600));
        let cells = world.engine.cells().await.unwrap();
        assert_eq!((cells[0].held_out, cells[0].balance), (atoms(600), atoms(1_000)));
        assert_eq!((cells[1].held_in, cells[1].balance), (atoms(600), atoms(1_000)));
        let refused = world.hold(401).await;
        assert!(
            matches!(refused, Err(Error::Forbidden { constraint: "balance_not_overdrawn" })),
            "{refused:?}"
        );
        world.release(hold).await.unwrap();
        let twice = world.release(hold).await;
        assert!(
            matches!(twice, Err(Error::Forbidden { constraint: "hold_end_once" })),
            "{twice:?}"
        );
        let hold = world.hold(600).await.unwrap();
        world.spend(400).await.unwrap();
        assert!(world.is_clean().await);
        world.release(hold).await.unwrap();
        assert!(world.is_clean().await);
        let filter = DepositFilter::default();
        let shown = world.engine.deposits(&filter, None, PageLimit::MAX).await.unwrap();
        assert_eq!(shown.len(), 2);
    });
}

/// Sums in memory refuse what the schema would: more than there is, more than there may be, and to
/// spend what is held.
#[test]
fn sums_know_what_is_held() {
    with_world("sums", |world| async move {
        let mut tx = world.engine.write().await.unwrap();
        let mut head = Head::read(&mut tx).await.unwrap();
        let mut sums = AllSums::all(&mut tx).await.unwrap();
        let (one, two) =
            (Account::Cell { rollup: ONE, asset: ETH }, Account::Cell { rollup: TWO, asset: ETH });
        let custody = Account::Custody { asset: ETH };
        let of =
            |debit, credit, number| Move { debit, credit, atoms: atoms(number), recipient: None };
        let max = domain::limits::ATOMS_MAX;
        assert!(sums.hold(&of(one, two, 1_001)).is_none());
        assert!(sums.hold(&of(custody, one, max - 1_999)).is_none());
        assert!(sums.hold(&of(one, two, 600)).is_some());
        assert!(sums.hold(&of(one, two, 401)).is_none());
        let mut spent = sums.clone();
        let kind = PostingKind::Batch;
        let refused = head.make(&mut spent, kind, B256::ZERO, &[of(one, two, 401)]);
        assert!(matches!(refused, Err(Error::AccountOutOfBound { account }) if account == one));
        sums.end(&of(one, two, 600)).unwrap();
        assert!(sums.end(&of(one, two, 1)).is_none());
        head.make(&mut sums, kind, B256::ZERO, &[of(one, two, 401)]).unwrap();
    });
}
