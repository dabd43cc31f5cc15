//! What the contract holds, read at one block, so that the numbers belong together.

use alloy::eips::BlockId;
use alloy::providers::Provider;
use alloy_primitives::aliases::U96;
use alloy_primitives::{Address, B256, U256};
use domain::l1::L1Block;
use domain::{
    Asset, AssetId, Atoms, EpochNumber, ExitIndex, ExitRoot, Height, RollupId, SettlementKey, Word,
};

use super::L1;
use super::bindings::DevelopmentToken;
use crate::error::{AnswerFault, Error};

/// The contract's storage as of one block.
#[derive(Clone, Debug)]
pub struct View {
    pub(super) l1: L1,
    pub(super) block: BlockId,
}

/// A cell as L1 has it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct L1Cell {
    /// Its balance as last settled.
    pub balance: Atoms,
    /// All deposits into it since genesis, in atoms: a sum, so wider than [`Atoms`].
    pub deposited_total: u128,
    /// Those of them that are settled.
    pub deposited_settled: u128,
    /// The last epoch that touched it, `None` for none.
    pub last_epoch: Option<EpochNumber>,
}

/// A rollup as L1 has it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct L1Rollup {
    /// Its registered key.
    pub key: SettlementKey,
    /// Its next height as last settled.
    pub next_height: Height,
}

impl L1 {
    /// The contract's storage at the newest block.
    ///
    /// # Errors
    /// Whatever the node fails with.
    pub async fn latest(&self) -> Result<View, Error> {
        Ok(self.at(self.head().await?))
    }

    /// The contract's storage as of a block. If the block is dropped, the views fail.
    #[must_use]
    pub fn at(&self, block: L1Block) -> View {
        View { l1: self.clone(), block: BlockId::hash(block.hash) }
    }

    /// An account's Ether.
    ///
    /// # Errors
    /// Whatever the node fails with.
    pub async fn ether_of(&self, account: Address) -> Result<U256, Error> {
        let balance = self.provider.get_balance(account).await;
        balance.map_err(|error| Error::rpc("eth_getBalance", error))
    }
}

/// One contract call at the view's block, with the call's name in its error.
macro_rules! read {
    ($view:expr, $name:literal, $call:expr) => {
        $call.block($view.block).call().await.map_err(|error| Error::contract($name, error))
    };
}

impl View {
    /// The last settled epoch, `None` before the first.
    ///
    /// # Errors
    /// Whatever the node fails with; likewise for every view below.
    pub async fn epoch(&self) -> Result<Option<EpochNumber>, Error> {
        Ok(epoch_of(read!(self, "epoch", self.l1.contract.epoch())?))
    }

    /// The state digest of the last settled epoch, or genesis.
    ///
    /// # Errors
    /// See [`Self::epoch`].
    pub async fn state_digest(&self) -> Result<Word, Error> {
        let digest = read!(self, "stateDigest", self.l1.contract.stateDigest())?;
        Word::from_bytes(digest).map_err(|fault| Error::answer("stateDigest", fault))
    }

    /// The account that settles.
    ///
    /// # Errors
    /// See [`Self::epoch`].
    pub async fn settler(&self) -> Result<Address, Error> {
        read!(self, "settler", self.l1.contract.settler())
    }

    /// Seconds without a settlement by the settler after which anybody may settle.
    ///
    /// # Errors
    /// See [`Self::epoch`].
    pub async fn settler_grace(&self) -> Result<U256, Error> {
        read!(self, "settlerGrace", self.l1.contract.settlerGrace())
    }

    /// The time from which anybody may settle, until the settler does.
    ///
    /// # Errors
    /// See [`Self::epoch`].
    pub async fn open_to_all_at(&self) -> Result<U256, Error> {
        read!(self, "openToAllAt", self.l1.contract.openToAllAt())
    }

    /// How many assets are registered; their ids run from 1.
    ///
    /// # Errors
    /// See [`Self::epoch`].
    pub async fn asset_count(&self) -> Result<u16, Error> {
        count("assetCount", read!(self, "assetCount", self.l1.contract.assetCount())?)
    }

    /// How many rollups are registered; their ids run from 1.
    ///
    /// # Errors
    /// See [`Self::epoch`].
    pub async fn rollup_count(&self) -> Result<u16, Error> {
        count("rollupCount", read!(self, "rollupCount", self.l1.contract.rollupCount())?)
    }

    /// Whether an asset takes no deposit any more.
    ///
    /// # Errors
    /// See [`Self::epoch`]; [`Error::Reverted`] if there is none of that id.
    pub async fn is_asset_revoked(&self, id: AssetId) -> Result<bool, Error> {
        read!(self, "isAssetRevoked", self.l1.contract.isAssetRevoked(id.number()))
    }

    /// Whether a rollup takes no deposit any more.
    ///
    /// # Errors
    /// See [`Self::epoch`]; [`Error::Reverted`] if there is none of that id.
    pub async fn is_rollup_revoked(&self, id: RollupId) -> Result<bool, Error> {
        read!(self, "isRollupRevoked", self.l1.contract.isRollupRevoked(id.number()))
    }

    /// A registered asset.
    ///
    /// # Errors
    /// See [`Self::epoch`]; [`Error::Reverted`] if there is none of that id.
    pub async fn asset(&self, id: AssetId) -> Result<Asset, Error> {
        let found = read!(self, "asset", self.l1.contract.asset(id.number()))?;
        let asset = Asset::new(id, found.token, found.tokenDecimals, found.ledgerDecimals);
        asset.map_err(|fault| Error::answer("asset", fault))
    }

    /// A registered rollup.
    ///
    /// # Errors
    /// See [`Self::epoch`]; [`Error::Reverted`] if there is none of that id.
    pub async fn rollup(&self, id: RollupId) -> Result<L1Rollup, Error> {
        let found = read!(self, "rollup", self.l1.contract.rollup(id.number()))?;
        let word = |number| Word::from_uint(number).map_err(|fault| Error::answer("rollup", fault));
        let key = SettlementKey::new(word(found.keyX)?, word(found.keyY)?);
        let key = key.map_err(|fault| Error::answer("rollup", fault))?;
        Ok(L1Rollup { key, next_height: Height::new(found.nextHeight) })
    }

    /// A cell.
    ///
    /// # Errors
    /// See [`Self::rollup`].
    pub async fn cell(&self, rollup: RollupId, asset: AssetId) -> Result<L1Cell, Error> {
        let call = self.l1.contract.cell(rollup.number(), asset.number());
        let found = read!(self, "cell", call)?;
        Ok(L1Cell {
            balance: atoms("cell", found.balance)?,
            deposited_total: found.depositedTotal,
            deposited_settled: found.depositedSettled,
            last_epoch: epoch_of(found.lastEpoch),
        })
    }

    /// What is owed to the unclaimed exits of a rollup in an asset.
    ///
    /// # Errors
    /// See [`Self::rollup`].
    pub async fn pot(&self, rollup: RollupId, asset: AssetId) -> Result<Atoms, Error> {
        let call = self.l1.contract.pot(rollup.number(), asset.number());
        atoms("pot", read!(self, "pot", call)?)
    }

    /// What the contract says it holds of an asset for all cells, pots and credits.
    ///
    /// # Errors
    /// See [`Self::rollup`].
    pub async fn custody(&self, asset: AssetId) -> Result<Atoms, Error> {
        atoms("custody", read!(self, "custody", self.l1.contract.custody(asset.number()))?)
    }

    /// What the contract really holds of an asset, in token atoms.
    ///
    /// # Errors
    /// See [`Self::epoch`].
    pub async fn tokens_held(&self, asset: &Asset) -> Result<U256, Error> {
        if asset.token() == Address::ZERO {
            let balance = self.l1.provider.get_balance(self.l1.settlement());
            let balance = balance.block_id(self.block).await;
            return balance.map_err(|error| Error::rpc("eth_getBalance", error));
        }
        let token = DevelopmentToken::new(asset.token(), self.l1.provider.clone());
        read!(self, "balanceOf", token.balanceOf(self.l1.settlement()))
    }

    /// The sum of an asset's credits.
    ///
    /// # Errors
    /// See [`Self::rollup`].
    pub async fn credit_total(&self, asset: AssetId) -> Result<Atoms, Error> {
        let call = self.l1.contract.creditTotal(asset.number());
        atoms("creditTotal", read!(self, "creditTotal", call)?)
    }

    /// What is owed to a recipient whose payments failed.
    ///
    /// # Errors
    /// See [`Self::rollup`].
    pub async fn credit(&self, asset: AssetId, recipient: Address) -> Result<Atoms, Error> {
        let call = self.l1.contract.credit(asset.number(), recipient);
        atoms("credit", read!(self, "credit", call)?)
    }

    /// The exit root that a rollup had when an epoch settled; `None` if it was not active in it.
    ///
    /// # Errors
    /// See [`Self::epoch`].
    pub async fn exit_root(
        &self,
        epoch: EpochNumber,
        rollup: RollupId,
    ) -> Result<Option<ExitRoot>, Error> {
        let call = self.l1.contract.exitRoot(epoch.number(), rollup.number());
        let root = read!(self, "exitRoot", call)?;
        Ok((root != B256::ZERO).then(|| ExitRoot::new(root)))
    }

    /// Whether an exit has been paid.
    ///
    /// # Errors
    /// See [`Self::epoch`].
    pub async fn is_claimed(&self, rollup: RollupId, index: ExitIndex) -> Result<bool, Error> {
        let call = self.l1.contract.isClaimed(rollup.number(), index.number());
        read!(self, "isClaimed", call)
    }
}

fn epoch_of(number: u64) -> Option<EpochNumber> {
    (number != 0).then(|| EpochNumber::new(number))
}

fn atoms(call: &'static str, found: U96) -> Result<Atoms, Error> {
    Atoms::new(found.to::<u128>()).map_err(|fault| Error::answer(call, fault))
}

fn count(call: &'static str, found: U256) -> Result<u16, Error> {
    u16::try_from(found).map_err(|_| Error::answer(call, AnswerFault::missing("count")))
}
