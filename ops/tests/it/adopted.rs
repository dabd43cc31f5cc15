//! A ledger that belongs to a domain, for tests that need no L1.

use alloy_primitives::{Address, B256};
use domain::{DomainId, DomainIdentity, LiquidityState, Word};
use ledger::{Adoption, Ledger, Role};

/// Migrates a database and adopts a domain in it: the ledger in the engine's role, and the domain's word.
pub(crate) async fn adopt(url: &str) -> (Ledger, Word) {
    Ledger::migrate(url).await.unwrap();
    let engine = Ledger::connect(url, Role::Engine, 2).await.unwrap();
    let identity = DomainIdentity {
        chain_id: 31337,
        settlement: Address::repeat_byte(0x5e),
        domain_id: DomainId::new(1),
        verification_key_id: B256::repeat_byte(0x7e),
    };
    let genesis_digest = LiquidityState::genesis().digest();
    let adoption = Adoption { identity, genesis_digest, deployed_at_block: 1 };
    engine.adopt_domain(&adoption).await.unwrap();
    (engine, identity.word())
}
