//! What an exit-kit proves, in words.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::process::ExitCode;

use anyhow::Context as _;
use api::evidence::KitHead;
use serde_json::json;

use super::super::wait_for;
use crate::cli::VerifyArguments;
use crate::exit_kit;
use crate::on_l1;
use crate::output::Output;

pub(super) fn run(
    arguments: &VerifyArguments,
    mut opened: Box<dyn BufRead>,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let shown = arguments.file.display();
    let mut sums: BTreeMap<u16, u128> = BTreeMap::new();
    let head = exit_kit::read(opened.as_mut(), &arguments.file, |_, exit| {
        let sum = sums.entry(exit.asset.number()).or_default();
        *sum = sum.saturating_add(exit.atoms.number());
        Ok(())
    })?;
    let mut proven = proven(&head);
    let mut trusted = Vec::new();
    match &arguments.l1_rpc_url {
        Some(url) => {
            let refused = || format!("{shown} is REFUSED");
            proven.push(wait_for(ask_l1(url, &head)).with_context(refused)?);
            trusted.push("that the L1 node that was asked tells what L1 holds.".to_owned());
        }
        None => trusted.push(format!(
            "that L1 settled epoch {} with that state, in l1_tx {} of block {}, and which token with which decimals each asset is: \
             ask L1 with --l1-rpc-url.",
            head.epoch.epoch, head.settlement.tx_hash, head.settlement.block.number
        )),
    }
    trusted.push(format!(
        "that {} is the contract that you mean: compare it with the address that you know.",
        head.domain.settlement
    ));
    trusted.push(format!(
        "that the first listed exit of each rollup is its first of epoch {}, and that no rollup is left out: those \
         before have kits of their own.",
        head.epoch.epoch
    ));
    trusted.push(
        "which of the exits have been paid: L1 pays each once, and skips those in `claimMany`."
            .to_owned(),
    );
    if arguments.json {
        let sums: BTreeMap<_, _> =
            sums.iter().map(|(asset, sum)| (asset, sum.to_string())).collect();
        output.json(&json!({
            "kind": "exit-kit",
            "epoch": head.epoch.epoch.number(),
            "exits": head.exits,
            "atoms": sums,
            "state_digest": head.epoch.closing_digest.to_string(),
            "on_l1": arguments.l1_rpc_url.is_some(),
            "proven": proven,
            "trusted": trusted,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let (domain, epoch) = (&head.domain, head.epoch.epoch);
    output
        .line(format_args!("{shown} is a valid exit-kit of epoch {epoch}: {} exits", head.exits))?;
    output.line(format_args!(
        "  domain {} of {} on chain {}",
        domain.domain_id, domain.settlement, domain.chain_id
    ))?;
    for (asset, sum) in sums {
        output.line(format_args!("  {sum} atoms of asset {asset}"))?;
    }
    super::tell_each(&proven, &trusted, output)?;
    Ok(ExitCode::SUCCESS)
}

fn proven(head: &KitHead) -> Vec<String> {
    let digest = head.epoch.closing_digest;
    vec![
        format!(
            "each exit, of exactly its atoms to its recipient, is under the exit root of its rollup in the state {digest}."
        ),
        "of each rollup that it names these are the exits from the first listed to the last under that root, \
         without a gap."
            .to_owned(),
    ]
}

async fn ask_l1(url: &str, head: &KitHead) -> anyhow::Result<String> {
    let rollups = head.rollups.iter().map(|one| one.rollup).collect::<Vec<_>>();
    let KitHead { domain, epoch, settlement, .. } = head;
    let found = on_l1::find(url, domain, epoch, settlement, &rollups).await?;
    on_l1::check_assets(&found.view, &head.assets).await?;
    Ok(format!(
        "L1 settled epoch {} with that state, in l1_tx {} of block {}, {} blocks ago; it holds those exit roots and \
         has those assets.",
        epoch.epoch, settlement.tx_hash, settlement.block.number, found.depth
    ))
}
