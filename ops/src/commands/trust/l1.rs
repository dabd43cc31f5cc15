//! The contract as L1 has it.

use alloy_primitives::{Address, B256};
use anyhow::{Context as _, ensure};
use serde::Serialize;

use super::Deployment;
use crate::development::Account;
use crate::on_l1;

/// The contract, and who may do what on it.
#[derive(Debug, Serialize)]
pub(super) struct Contract {
    /// The newest block.
    pub(super) head: u64,
    /// Keccak-256 of the contract's code.
    pub(super) code_hash: B256,
    pub(super) verifier: Address,
    pub(super) verifier_code_hash: B256,
    /// What the verifier says that it checks by.
    pub(super) verifier_key_id: B256,
    pub(super) owner: Holder,
    pub(super) pending_owner: Holder,
    pub(super) settler: Holder,
    pub(super) guardian: Holder,
    pub(super) paused: bool,
    /// Seconds without a settlement by the settler after which anybody may settle.
    pub(super) settler_grace_s: u64,
    pub(super) last_epoch: Option<u64>,
}

/// Who holds a role.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Holder {
    pub(super) account: Address,
    /// Whether it has code: then what it does is that code's to say, a timelock's or a multisig's.
    pub(super) is_contract: bool,
}

impl Contract {
    pub(super) async fn read(url: &str, domain: &Deployment) -> anyhow::Result<Self> {
        let settlement = domain.settlement.parse().context("the api's contract")?;
        // It reads only; the account pays nothing.
        let key = Account::Claimant.key()?;
        let l1 = on_l1::connect(url, domain.chain_id, settlement, &key).await?;
        let found = l1.identity().await?.verification_key_id;
        ensure!(
            found.to_string() == domain.verification_key_id,
            "the contract pins key {found}, the api says {}: the api is wrong",
            domain.verification_key_id
        );
        let head = l1.head().await?;
        let roles = l1.at(head).roles().await?;
        let grace = l1.grace().await?;
        let holder = async |account| -> anyhow::Result<Holder> {
            Ok(Holder { account, is_contract: l1.code_hash(account).await?.is_some() })
        };
        Ok(Self {
            head: head.number,
            code_hash: l1.code_hash(settlement).await?.context("the contract has code")?,
            verifier: roles.verifier,
            verifier_code_hash: l1.code_hash(roles.verifier).await?.unwrap_or_default(),
            verifier_key_id: roles.verifier_key_id,
            owner: holder(roles.owner).await?,
            pending_owner: holder(roles.pending_owner).await?,
            settler: holder(roles.settler).await?,
            guardian: holder(roles.guardian).await?,
            paused: roles.paused,
            settler_grace_s: grace.seconds,
            last_epoch: grace.epoch.map(domain::EpochNumber::number),
        })
    }

    /// What is shown of it.
    pub(super) fn rows(&self) -> Vec<(&'static str, String)> {
        let epoch = self.last_epoch.map_or_else(|| "none".to_owned(), |epoch| epoch.to_string());
        vec![
            ("contract code", self.code_hash.to_string()),
            ("verifier", format!("{} (code {})", self.verifier, self.verifier_code_hash)),
            ("owner", self.owner.shown()),
            ("settler", self.settler.shown()),
            ("guardian", self.guardian.shown()),
            ("paused", self.paused.to_string()),
            ("settler's grace", format!("{} s", self.settler_grace_s)),
            ("last epoch on L1", epoch),
        ]
    }
}

impl Holder {
    fn shown(&self) -> String {
        if self.account == Address::ZERO {
            return "nobody".to_owned();
        }
        let kind = if self.is_contract { "a contract" } else { "a single key" };
        format!("{} ({kind})", self.account)
    }
}
