//! A domain to measure the ledger with: every rollup and asset that one can have, plenty in each
//! cell, and rollups that sign batch after batch.
//!
//! **Invariant:** what it posts is what rollups post: signed batches, through the ledger's own door
//! and by the role that the api has.

use alloy_primitives::{Address, B256};
use anyhow::Context as _;
use domain::l1::{L1Block, L1Event, L1Log, L1LogId};
use domain::{
    Asset, AssetId, Atoms, Batch, BatchParts, DomainId, DomainIdentity, ExitTree, Height, L2Root,
    LiquidityState, RollupId, SignedBatch, SigningKey, Transfer, Word,
};
use ledger::{Adoption, Ledger, Role, SealReason};

/// The ledger in the roles that its users have, and each rollup's next place.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) engine: Ledger,
    pub(super) api: Ledger,
    word: Word,
    rollups: Vec<Signer>,
}

/// Where transfers go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Spread {
    /// From every rollup to two others, in every asset.
    Even,
    /// All from or to one cell.
    Hot,
}

#[derive(Debug)]
struct Signer {
    rollup: RollupId,
    key: SigningKey,
    height: Height,
    root: L2Root,
}

impl Books {
    /// Makes the schema in an empty database and the domain in it.
    pub(super) async fn new(url: &str) -> anyhow::Result<Self> {
        Ledger::migrate(url).await?;
        let engine = Ledger::connect(url, Role::Engine, 2).await?;
        let api = Ledger::connect(url, Role::Api, POSTERS).await?;
        let identity = DomainIdentity {
            chain_id: 31337,
            settlement: Address::repeat_byte(0x5e),
            domain_id: DomainId::new(1),
            verification_key_id: B256::repeat_byte(0x7e),
        };
        let word = identity.word();
        let genesis_digest = LiquidityState::genesis().digest();
        engine.adopt_domain(&Adoption { identity, genesis_digest, deployed_at_block: 1 }).await?;
        let rollups: Vec<Signer> = RollupId::all().map(Signer::new).collect();
        let block = L1Block { number: 1, hash: B256::repeat_byte(0xb1) };
        let logs: Vec<L1Log> = (0..)
            .zip(events(&rollups)?)
            .map(|(log_index, event)| L1Log {
                id: L1LogId { tx_hash: B256::repeat_byte(1), log_index },
                block,
                event,
            })
            .collect();
        engine.record_l1_block_range(&logs, block).await?;
        Ok(Self { engine, api, word, rollups })
    }

    /// So many signed batches of so many transfers each, dealt out to all rollups in turn: per rollup
    /// in the order to post them in.
    pub(super) fn batches(
        &mut self,
        count: usize,
        transfers: usize,
        spread: Spread,
    ) -> anyhow::Result<Vec<Vec<Batch>>> {
        let (word, rollups) = (self.word, self.rollups.len());
        let mut dealt = Vec::with_capacity(rollups);
        for (nth, signer) in self.rollups.iter_mut().enumerate() {
            let mine = count.saturating_sub(nth).div_ceil(rollups);
            let sign = (0..mine).map(|_| signer.batch(transfers, spread, word));
            dealt.push(sign.collect::<Result<_, _>>()?);
        }
        Ok(dealt)
    }

    /// The first rollup's next batch.
    pub(super) fn batch(&mut self, transfers: usize, spread: Spread) -> anyhow::Result<Batch> {
        let first = self.rollups.first_mut().context("no rollups")?;
        first.batch(transfers, spread, self.word)
    }

    /// What is done before anything is written: the batch's digest, and its signature.
    pub(super) fn verify(&self, batch: &Batch) -> anyhow::Result<SignedBatch> {
        let signer = self.rollups.iter().find(|signer| signer.rollup == batch.rollup());
        let key = signer.context("no such rollup")?.key.public();
        Ok(SignedBatch::verify(batch, key, self.word)?)
    }

    /// Seals the open epoch, so that it has room again.
    pub(super) async fn seal(&self) -> anyhow::Result<()> {
        self.engine.seal(SealReason::Size).await?.context("an epoch without operations")?;
        Ok(())
    }
}

/// Every asset that a domain can have.
pub(super) fn assets() -> anyhow::Result<Vec<Asset>> {
    let asset = |(token, asset)| Ok(Asset::new(asset, Address::repeat_byte(token), 18, 18)?);
    (0_u8..).zip(AssetId::all()).map(asset).collect()
}

fn events(rollups: &[Signer]) -> anyhow::Result<Vec<L1Event>> {
    let mut events = Vec::new();
    events.extend(assets()?.into_iter().map(L1Event::AssetRegistered));
    for signer in rollups {
        let (rollup, key) = (signer.rollup, signer.key.public());
        events.push(L1Event::RollupRegistered { rollup, key });
    }
    let atoms = Atoms::new(DEPOSIT)?;
    for signer in rollups {
        for asset in AssetId::all() {
            let depositor = Address::repeat_byte(0xdd);
            events.push(L1Event::Deposited { rollup: signer.rollup, asset, depositor, atoms });
        }
    }
    Ok(events)
}

impl Signer {
    fn new(rollup: RollupId) -> Self {
        let mut seed = [7; 32];
        seed[..2].copy_from_slice(&rollup.number().to_be_bytes());
        let key = SigningKey::from_seed(seed);
        Self { rollup, key, height: Height::FIRST, root: L2Root::UNSET }
    }

    fn batch(&mut self, count: usize, spread: Spread, word: Word) -> anyhow::Result<Batch> {
        let height = self.height.number();
        let transfers: Vec<Transfer> = (0_u64..)
            .take(count)
            .map(|nth| self.transfer(height.wrapping_mul(1_000).wrapping_add(nth), spread))
            .collect::<Result<_, _>>()?;
        let id = [&self.rollup.number().to_be_bytes()[..], &height.to_be_bytes()].concat();
        let mut parts = BatchParts {
            rollup: self.rollup,
            height: self.height,
            previous_root: self.root,
            new_root: L2Root::new(B256::left_padding_from(&id)),
            exit_root: ExitTree::empty().root(),
            lanes: Batch::sum_lanes(self.rollup, &transfers, &[])?,
            transfers,
            exits: Vec::new(),
            signature: self.key.sign(Word::ZERO),
        };
        parts.signature = self.key.sign(parts.digest(word));
        self.height = self.height.next().context("heights are used up")?;
        self.root = parts.new_root;
        Ok(Batch::new(parts)?)
    }

    /// The `nth` transfer since the beginning: nothing is drawn by lot, every run books the same.
    fn transfer(&self, nth: u64, spread: Spread) -> anyhow::Result<Transfer> {
        let mine = self.rollup;
        let first = RollupId::all().next().context("no rollups")?;
        // The others, beginning with the one after this.
        let mut others =
            RollupId::all().chain(RollupId::all()).skip_while(|one| *one != mine).skip(1);
        let step = usize::try_from(nth & 1)?;
        let (to, asset) = match spread {
            Spread::Even => (others.nth(step), usize::try_from(nth >> 1 & 3)?),
            Spread::Hot if mine == first => (others.nth(step), 0),
            Spread::Hot => (Some(first), 0),
        };
        let mixed = nth.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(mine.number());
        Ok(Transfer {
            to: to.context("no other rollup")?,
            asset: AssetId::all().nth(asset).context("assets")?,
            atoms: Atoms::new(u128::from(mixed | 1))?,
            recipient: Address::left_padding_from(&mixed.to_be_bytes()),
        })
    }
}

/// One for each rollup that a domain can have.
pub(super) const POSTERS: u32 = 16;
/// A sixty-fourth of what a contract can hold of an asset.
const DEPOSIT: u128 = 1 << 90;
