//! What follows from what was found, in sentences. Each is said because of a value, and says it.

use alloy_primitives::Address;
use folding::SetupKind;

use super::Trust;
use super::l1::{Contract, Holder};

pub(super) fn believe(trust: &Trust) -> Vec<String> {
    let mut all = vec![setup(trust)];
    all.extend(key(trust));
    all.push(format!(
        "L1, chain {}: that it orders and keeps what contract {} does. The last epoch that is final is {}.",
        trust.domain.chain_id,
        trust.domain.settlement,
        trust.finality.last_final.map_or_else(|| "none yet".to_owned(), |epoch| epoch.to_string()),
    ));
    all.extend(trust.finality.blocks_behind.map(|blocks| {
        format!("that L1 takes back no block under {blocks} others: so far behind its head the ledger is now.")
    }));
    all.push(format!(
        "each of {} rollups, for its own cells alone: a batch is its rollup's by one signature of one key, and nothing \
         else is shown of what the rollup itself does. One that lies spends what it holds, and nothing of others.",
        trust.rollups.len()
    ));
    match &trust.l1 {
        Some(l1) => all.extend(roles(l1)),
        None => all.push(
            "whoever holds the contract's roles: name an L1 node with --l1-rpc-url to see them."
                .to_owned(),
        ),
    }
    all.push(
        "no committee: nobody signs states, so that there are 0 signers whose number could be too small.".to_owned(),
    );
    all
}

fn setup(trust: &Trust) -> String {
    match trust.proofs.setup {
        Some(name) if name == SetupKind::InsecureDevelopment.name() => format!(
            "NOBODY: the setup is {name}. Its secret is public, and anybody can forge a settlement. It is worth something on \
             a development chain alone."
        ),
        Some(name) => format!(
            "that one participant of the ceremony behind the {name} setup was honest, and that the key {} was made from \
             its powers (netfold setup check).",
            trust.domain.verification_key_id
        ),
        None => format!(
            "the setup behind key {}: nothing here tells which it is. Make the key from the sources (--params, \
             --ptau-dir), or wait for an aggregated proof.",
            trust.domain.verification_key_id
        ),
    }
}

/// Whether the key is of the circuit of these sources.
fn key(trust: &Trust) -> Vec<String> {
    let id = &trust.domain.verification_key_id;
    match (&trust.proofs.settlement_key, trust.proofs.curves, trust.proofs.hashes) {
        (Some(_), Some(curves), Some(hashes)) => vec![format!(
            "that this program's circuit says what you mean: key {id} is its own. It rests on discrete logarithms on {} \
             and on {}.",
            curves.join(" and "),
            hashes.join(", ")
        )],
        _ => vec![format!(
            "that key {id} is of the circuit that you mean: this program has not made it here. Make it from the sources \
             (netfold contracts verifier), and compare."
        )],
    }
}

fn roles(l1: &Contract) -> Vec<String> {
    let mut all = Vec::new();
    all.push(format!(
        "the owner, {}: registers rollups and assets, names settler and guardian, lifts a pause{}.",
        holder(l1.owner),
        if l1.owner.is_contract { "" } else { ", all of it at once, with no timelock between" },
    ));
    all.push(format!(
        "the settler, {}: it alone settles, in time. When it has not for {} s anybody may, so that it can delay, and not \
         hold back.",
        holder(l1.settler),
        l1.settler_grace_s
    ));
    if l1.guardian.account == Address::ZERO {
        all.push("no guardian: only the owner can pause.".to_owned());
    } else {
        all.push(format!(
            "the guardian, {}: can pause deposits and settlement, not claims.",
            holder(l1.guardian)
        ));
    }
    if l1.pending_owner.account != Address::ZERO {
        all.push(format!("who may become the owner: {}.", holder(l1.pending_owner)));
    }
    if l1.paused {
        all.push(
            "whoever paused the contract: deposits and settlement are stopped now.".to_owned(),
        );
    }
    all.push(format!(
        "that the code at the contract ({}) and at its verifier ({}) is that of the sources: compare the hashes.",
        l1.code_hash, l1.verifier_code_hash
    ));
    all
}

fn holder(holder: Holder) -> String {
    let kind = if holder.is_contract { "a contract" } else { "a single key" };
    format!("{} ({kind})", holder.account)
}
