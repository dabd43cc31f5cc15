//! The settler and the grace after which anybody may settle, as the contract has them.

use alloy::consensus::BlockHeader;
use alloy::eips::BlockId;
use alloy::network::BlockResponse;
use alloy::providers::Provider;
use alloy_primitives::{Address, U256};
use domain::EpochNumber;
use domain::l1::L1Block;

use super::L1;
use crate::error::{AnswerFault, Error};

/// Who settles, and from when on anybody may, as of the newest block.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Grace {
    /// The account that settles.
    pub settler: Address,
    /// Its length.
    pub seconds: u64,
    /// When it is over unless the settler settles, in L1's time.
    pub open_to_all_at: u64,
    /// The last settled epoch, `None` before the first.
    pub epoch: Option<EpochNumber>,
    /// The newest block's time.
    pub block_time: u64,
}

impl L1 {
    /// Who settles, and from when on anybody may.
    ///
    /// # Errors
    /// Whatever the node fails with.
    pub async fn grace(&self) -> Result<Grace, Error> {
        let call = "eth_getBlockByNumber";
        let latest = self.provider.get_block(BlockId::latest()).await;
        let latest = latest.map_err(|error| Error::rpc(call, error))?;
        let latest = latest.ok_or_else(|| Error::answer(call, AnswerFault::missing("head")))?;
        let header = latest.header();
        let view = self.at(L1Block { number: header.number(), hash: header.hash });
        Ok(Grace {
            settler: view.settler().await?,
            seconds: seconds("settlerGrace", view.settler_grace().await?)?,
            open_to_all_at: seconds("openToAllAt", view.open_to_all_at().await?)?,
            epoch: view.epoch().await?,
            block_time: header.timestamp(),
        })
    }

    /// Checks that the signer may settle: as the settler, or as anybody once the settler has not
    /// settled for the contract's grace.
    ///
    /// # Errors
    /// [`Error::NotSettler`].
    pub async fn check_settler(&self) -> Result<(), Error> {
        let Grace { settler, open_to_all_at, block_time, .. } = self.grace().await?;
        if settler == self.signer || block_time >= open_to_all_at {
            return Ok(());
        }
        Err(Error::NotSettler { settler, signer: self.signer, open_to_all_at })
    }
}

fn seconds(call: &'static str, found: U256) -> Result<u64, Error> {
    u64::try_from(found).map_err(|_| Error::answer(call, AnswerFault::missing("time")))
}
