//! The L1 adapter against the contract on anvil.

use alloy_primitives::{Address, B256, U256};
use domain::l1::L1Event;
use domain::{Atoms, DomainId, DomainIdentity, EpochNumber, LiquidityState, SigningKey};
use engine::Error;
use engine::l1::{L1, SettlementReceipt, SignerKey};

use crate::anvil::{Anvil, KEYS};

async fn deployed(anvil: &Anvil) -> L1 {
    let key = KEYS[0].parse().unwrap();
    let genesis = LiquidityState::genesis().digest();
    let settler = SignerKey::address(&key);
    L1::deploy(&anvil.url, &key, DomainId::new(1), genesis, settler).await.unwrap().0
}

/// What is sent to the contract comes back as typed logs and views, in order.
#[tokio::test]
async fn what_is_sent_is_read_back() {
    let anvil = Anvil::start();
    let l1 = deployed(&anvil).await;
    let ether = l1.register_asset(Address::ZERO, 18, 9).await.unwrap().0;
    let token = l1.deploy_token("USD Coin", "USDC", 6).await.unwrap();
    let usdc = l1.register_asset(token, 6, 6).await.unwrap().0;
    let key = SigningKey::from_seed([1; 32]).public();
    let rollup = l1.register_rollup(key).await.unwrap().0;
    l1.mint(token, l1.signer(), U256::from(1_000)).await.unwrap();
    l1.approve(token, U256::from(1_000)).await.unwrap();
    l1.deposit(rollup, &usdc, U256::from(900)).await.unwrap();
    l1.deposit(rollup, &ether, U256::from(5_000_000_000_u64)).await.unwrap();

    let head = l1.head().await.unwrap();
    let logs = l1.logs(0, head.number).await.unwrap();
    let depositor = l1.signer();
    let deposited = |asset: &domain::Asset, atoms| L1Event::Deposited {
        rollup,
        asset: asset.id(),
        depositor,
        atoms: Atoms::new(atoms).unwrap(),
    };
    let events: Vec<_> = logs.iter().map(|log| log.event.clone()).collect();
    assert_eq!(
        events,
        [
            L1Event::AssetRegistered(ether),
            L1Event::AssetRegistered(usdc),
            L1Event::RollupRegistered { rollup, key },
            deposited(&usdc, 900),
            deposited(&ether, 5),
        ]
    );
    assert!(logs.is_sorted_by_key(|log| (log.block.number, log.id.log_index)));
    let view = l1.latest().await.unwrap();
    assert_eq!(view.epoch().await.unwrap(), None);
    assert_eq!(view.state_digest().await.unwrap(), LiquidityState::genesis().digest());
    assert_eq!(view.cell(rollup, usdc.id()).await.unwrap().deposited_total, 900);
    assert_eq!(view.custody(ether.id()).await.unwrap(), Atoms::new(5).unwrap());
    assert_eq!(view.tokens_held(&ether).await.unwrap(), U256::from(5_000_000_000_u64));
    assert_eq!(view.tokens_held(&usdc).await.unwrap(), U256::from(900));
    assert_eq!(view.asset(usdc.id()).await.unwrap(), usdc);
    assert_eq!(view.rollup(rollup).await.unwrap().key, key);
    assert_eq!(view.asset_count().await.unwrap(), 2);
}

/// What is revoked takes no deposit, says so, and is no news to the ledger.
#[tokio::test]
async fn what_is_revoked_takes_no_deposit() {
    let anvil = Anvil::start();
    let l1 = deployed(&anvil).await;
    let ether = l1.register_asset(Address::ZERO, 18, 9).await.unwrap().0;
    let mut rollups = Vec::new();
    for seed in 1..=2 {
        let key = SigningKey::from_seed([seed; 32]).public();
        rollups.push(l1.register_rollup(key).await.unwrap().0);
    }
    let amount = U256::from(1_000_000_000_u64);
    l1.deposit(rollups[0], &ether, amount).await.unwrap();
    let before = l1.logs(0, l1.head().await.unwrap().number).await.unwrap();
    l1.revoke_rollup(rollups[0]).await.unwrap();
    let refused = l1.deposit(rollups[0], &ether, amount).await.unwrap_err();
    assert!(refused.to_string().contains("RollupIsRevoked"), "{refused}");
    let again = l1.revoke_rollup(rollups[0]).await.unwrap_err();
    assert!(again.to_string().contains("RollupIsRevoked"), "{again}");
    let view = l1.latest().await.unwrap();
    assert!(view.is_rollup_revoked(rollups[0]).await.unwrap());
    assert!(!view.is_rollup_revoked(rollups[1]).await.unwrap());
    assert!(!view.is_asset_revoked(ether.id()).await.unwrap());
    assert_eq!(l1.logs(0, l1.head().await.unwrap().number).await.unwrap(), before);
    l1.revoke_asset(ether.id()).await.unwrap();
    let refused = l1.deposit(rollups[1], &ether, amount).await.unwrap_err();
    assert!(refused.to_string().contains("AssetIsRevoked"), "{refused}");
    assert!(l1.latest().await.unwrap().is_asset_revoked(ether.id()).await.unwrap());
    assert_eq!(l1.logs(0, l1.head().await.unwrap().number).await.unwrap(), before);
}

/// A revert is told in the contract's own words, before anything is sent.
#[tokio::test]
async fn a_refusal_names_the_contracts_error() {
    let anvil = Anvil::start();
    let l1 = deployed(&anvil).await;
    let ether = l1.register_asset(Address::ZERO, 18, 9).await.unwrap().0;
    let rollup = l1.register_rollup(SigningKey::from_seed([1; 32]).public()).await.unwrap().0;
    let before = l1.head().await.unwrap();
    let fraction = l1.deposit(rollup, &ether, U256::from(1)).await.unwrap_err();
    assert!(fraction.to_string().contains("NotWholeLedgerUnits"), "{fraction}");
    assert!(!fraction.is_transient());
    let early = l1.prepare_settle(EpochNumber::new(2), &[], B256::ZERO, &[]).await.unwrap_err();
    assert!(early.to_string().contains("EpochOutOfOrder"), "{early}");
    assert_eq!(l1.head().await.unwrap(), before);
}

/// Another chain, no contract, another contract: each error has both values.
#[tokio::test]
async fn a_changed_chain_is_told_apart() {
    let anvil = Anvil::start();
    let l1 = deployed(&anvil).await;
    let identity = l1.identity().await.unwrap();
    l1.check(&identity).await.unwrap();
    let other = DomainIdentity { chain_id: 1, ..identity };
    let differs = l1.check(&other).await.unwrap_err();
    assert!(matches!(differs, Error::ChainDiffers { recorded: 1, found: 31337 }), "{differs}");
    let other = DomainIdentity { domain_id: DomainId::new(2), ..identity };
    let differs = l1.check(&other).await.unwrap_err();
    assert!(matches!(differs, Error::ContractDiffers { .. }), "{differs}");
    let nowhere = L1::connect(&anvil.url, Address::repeat_byte(9), &KEYS[0].parse().unwrap()).await;
    assert!(matches!(nowhere.unwrap_err(), Error::NoContract { chain_id: 31337, .. }));
    let (url, key) = (anvil.url.clone(), KEYS[0].parse().unwrap());
    drop(anvil);
    let gone = L1::connect(&url, Address::repeat_byte(9), &key).await.unwrap_err();
    assert!(matches!(gone, Error::L1Unreachable(_)) && gone.is_transient(), "{gone}");
}

/// A settlement is signed without being sent, is found by its hash once sent, and counts once
/// however often it is sent.
#[tokio::test]
async fn a_signed_settlement_lands_once() {
    let anvil = Anvil::start();
    let l1 = deployed(&anvil).await;
    let epoch = EpochNumber::FIRST;
    let key = SigningKey::from_seed([1; 32]).public();
    let rollup = l1.register_rollup(key).await.unwrap().0;
    let register = vec![domain::Operation::Register { rollup, key }];
    let identity = l1.identity().await.unwrap();
    let genesis = LiquidityState::genesis();
    let context = domain::StepContext { domain_word: identity.word(), epoch };
    let closing = folding::plan(&genesis, &register, context).unwrap().closing.digest();
    assert_ne!(closing, genesis.digest());
    let (statement, proof) = crate::kept::proven(identity, epoch, genesis, register).await;
    let head = l1.head().await.unwrap();

    let books = B256::repeat_byte(0xb0);
    let forged = l1.prepare_settle(epoch, &statement.outputs, books, &[7; 32]).await;
    assert!(forged.unwrap_err().to_string().contains("ProofRefused"));
    let prepared =
        l1.prepare_settle(epoch, &statement.outputs, books, proof.as_bytes()).await.unwrap();
    assert_eq!(l1.head().await.unwrap(), head);
    assert_eq!(l1.nonce_at(prepared.sender, head.number).await.unwrap(), prepared.nonce);
    assert!(!l1.knows(prepared.tx_hash).await.unwrap());
    assert_eq!(l1.settlement_receipt(epoch, prepared.tx_hash).await.unwrap(), None);

    l1.send_raw(&prepared.raw_tx).await.unwrap();
    // The block follows the sending, it does not come with it.
    let mut looks = 0;
    let receipt = loop {
        match l1.settlement_receipt(epoch, prepared.tx_hash).await.unwrap() {
            Some(receipt) => break receipt,
            None => assert!(looks < 500, "the settlement is not mined"),
        }
        looks += 1;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    let SettlementReceipt::Settled { l1_tx, state_digest, books: told } = receipt else {
        panic!("{receipt:?}")
    };
    assert_eq!(told, books);
    assert_eq!(state_digest, closing);
    assert_eq!(l1_tx.block.number, head.number + 1);
    l1.send_raw(&prepared.raw_tx).await.unwrap_err();
    let view = l1.latest().await.unwrap();
    assert_eq!(view.epoch().await.unwrap(), Some(epoch));
    assert_eq!(view.state_digest().await.unwrap(), closing);
    let logs = l1.logs(l1_tx.block.number, l1_tx.block.number).await.unwrap();
    let settled = L1Event::EpochSettled { epoch, state_digest, steps: 1, books };
    assert_eq!(logs[0].event, settled);

    anvil.reorg(1).await;
    assert_eq!(l1.settlement_receipt(epoch, prepared.tx_hash).await.unwrap(), None);
}

/// The settlement of the longest epoch is an l1_tx that nodes take: geth's `txMaxSize`.
#[test]
fn the_longest_settlement_fits_an_l1_tx() {
    let steps = domain::limits::MAX_STEPS_PER_EPOCH;
    let proof = crate::world::params().settlement_verifying_key().proof_bytes(steps);
    // Selector, epoch, books, two offsets, two lengths; the envelope with signature and fees.
    let around = 4 + 6 * 32 + 256;
    // Two words a step; each cell and rollup once in an epoch.
    let words = 2 * steps + 2 * domain::limits::MAX_CELLS + 7 * domain::limits::MAX_ROLLUPS;
    let calldata = words * 32 + proof.next_multiple_of(32) + around;
    assert!(calldata <= 128 * 1024, "{calldata} bytes");
}
