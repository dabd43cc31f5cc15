//! What a receipt proves, in words.

use std::io::BufRead;
use std::process::ExitCode;

use anyhow::Context as _;
use api::evidence::{PaidStatus, Receipt};
use serde::Serialize;

use super::super::wait_for;
use crate::cli::VerifyArguments;
use crate::input;
use crate::on_l1;
use crate::output::Output;

#[derive(Serialize)]
struct Answer<'a> {
    kind: &'static str,
    exit: &'a api::evidence::ReceiptExit,
    epoch: u64,
    state_digest: String,
    /// Whether L1 was asked.
    on_l1: bool,
    proven: &'a [String],
    trusted: &'a [String],
}

pub(super) fn run(
    arguments: &VerifyArguments,
    opened: Box<dyn BufRead>,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let shown = arguments.file.display();
    let refused = || format!("{shown} is REFUSED");
    let bytes = input::rest(opened, &arguments.file)?;
    let receipt = Receipt::read(&bytes).with_context(refused)?;
    let mut proven = proven(&receipt);
    let mut trusted = Vec::new();
    match &arguments.l1_rpc_url {
        Some(url) => {
            proven.extend(wait_for(ask_l1(url, &receipt)).with_context(refused)?);
            trusted.push("that the L1 node that was asked tells what L1 holds.".to_owned());
        }
        None => trusted.extend(left_to_l1(&receipt)),
    }
    trusted.extend(always(&receipt));
    if arguments.json {
        output.json(&Answer {
            kind: "receipt",
            exit: &receipt.exit,
            epoch: receipt.epoch.epoch.number(),
            state_digest: receipt.epoch.closing_digest.to_string(),
            on_l1: arguments.l1_rpc_url.is_some(),
            proven: &proven,
            trusted: &trusted,
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    let (exit, domain) = (&receipt.exit, &receipt.domain);
    let (rollup, index) = (exit.rollup, exit.index);
    output.line(format_args!("{shown} is a valid receipt of exit {rollup}/{index}"))?;
    output.line(format_args!(
        "  {} ({} atoms) of asset {} to {}, settled with epoch {}",
        exit.amount, exit.atoms, exit.asset, exit.recipient, receipt.epoch.epoch
    ))?;
    output.line(format_args!(
        "  domain {} of {} on chain {}",
        domain.domain_id, domain.settlement, domain.chain_id
    ))?;
    super::tell_each(&proven, &trusted, output)?;
    Ok(ExitCode::SUCCESS)
}

fn proven(receipt: &Receipt) -> Vec<String> {
    let (exit, posting, epoch) = (&receipt.exit, &receipt.posting, &receipt.epoch);
    let (rollup, index) = (exit.rollup, exit.index);
    vec![
        format!(
            "the key of rollup {rollup} signed batch {rollup}/{} for this domain, and exit {rollup}/{index} is \
             under the exit root that it signed.",
            posting.height
        ),
        format!(
            "exit {rollup}/{index}, of exactly {} atoms to this recipient, is under the exit root of rollup \
             {rollup} in the state {}; so is the key that signed.",
            exit.atoms, epoch.closing_digest
        ),
        "the call in `claim` is the claim of this exit, and pays nobody but the recipient."
            .to_owned(),
    ]
}

async fn ask_l1(url: &str, receipt: &Receipt) -> anyhow::Result<Vec<String>> {
    let Receipt { domain, epoch, settlement, exit, .. } = receipt;
    let found = on_l1::find(url, domain, epoch, settlement, &[exit.rollup]).await?;
    on_l1::check_assets(&found.view, std::slice::from_ref(&receipt.asset)).await?;
    let claimed = found.view.is_claimed(exit.rollup, exit.index).await?;
    let paid = receipt.claim.status == PaidStatus::Paid;
    anyhow::ensure!(
        claimed || !paid,
        "the receipt says that exit {}/{} is paid, L1 has not paid it",
        exit.rollup,
        exit.index
    );
    let now = if claimed {
        "has paid the exit"
    } else {
        "has not paid the exit yet: anybody may claim it"
    };
    Ok(vec![
        format!(
            "L1 settled epoch {} with that state, in l1_tx {} of block {}, {} blocks ago, and holds that exit root.",
            epoch.epoch, settlement.tx_hash, settlement.block.number, found.depth
        ),
        format!("asset {} is token {} on L1.", receipt.asset.asset, receipt.asset.token),
        format!("L1 {now}."),
    ])
}

fn left_to_l1(receipt: &Receipt) -> Vec<String> {
    let (epoch, settlement) = (&receipt.epoch, &receipt.settlement);
    vec![
        format!(
            "that L1 settled epoch {} with that state, in l1_tx {} of block {}: ask L1 with --l1-rpc-url.",
            epoch.epoch, settlement.tx_hash, settlement.block.number
        ),
        format!(
            "that asset {} is token {} and has {} decimals here, and whether the exit is paid: L1 knows.",
            receipt.asset.asset, receipt.asset.token, receipt.asset.ledger_decimals
        ),
    ]
}

fn always(receipt: &Receipt) -> [String; 4] {
    [
        format!(
            "that {} is the contract that you mean: compare it with the address that you know.",
            receipt.domain.settlement
        ),
        format!(
            "that the state follows from signed batches: the contract checked the proof; `netfold verify` checks \
             epoch {}'s own proof.",
            receipt.epoch.epoch
        ),
        "when the batch was booked and the epoch sealed, and under which journal blocks: the operator's word."
            .to_owned(),
        "the rollup's own execution: that the exit follows from its rules.".to_owned(),
    ]
}
