//! `netfold verify`: checks a file, needs nothing but the file and, for a proof, a key, and says in words
//! what is proven by it and what must be trusted besides. Receipts and exit-kits are told from proofs by
//! their first words.

mod kit;
mod receipt;

use std::fmt::Display;
use std::io::BufRead as _;
use std::process::ExitCode;

use anyhow::Context as _;
use domain::{DomainIdentity, Word};
use folding::{KeyId, ProofFile, Verified, VerifiedHistory, VerifyingKey};
use serde::Serialize;

use crate::cli::VerifyArguments;
use crate::input;
use crate::output::Output;

pub(super) fn run(arguments: &VerifyArguments, output: &mut Output) -> anyhow::Result<ExitCode> {
    let mut opened = input::open(&arguments.file)?;
    let shown = arguments.file.display();
    let begins = opened.fill_buf().with_context(|| format!("could not read {shown}"))?;
    if is_of(begins, "netfold.receipt.") {
        return receipt::run(arguments, opened, output);
    }
    if is_of(begins, "netfold.exit-kit.") {
        return kit::run(arguments, opened, output);
    }
    let bytes = input::rest(opened, &arguments.file)?;
    let folder = arguments.parameters.folder(&arguments.state.state);
    let key = VerifyingKey::load(&folder, &arguments.parameters.setup())
        .with_context(|| format!("no usable verifying key in {}", folder.display()))?;
    let refused = || format!("{shown} is REFUSED");
    match ProofFile::from_bytes(&bytes).with_context(refused)? {
        ProofFile::Epoch(proof) => {
            let verified = proof.verify(&key).with_context(refused)?;
            let report = epoch(&verified);
            let answer = Answer { kind: "epoch", proven: &verified, trusted: &report.trusted };
            if arguments.json { output.json(&answer)? } else { tell(&shown, &report, output)? }
        }
        ProofFile::History(proof) => {
            let verified = proof.verify(&key).with_context(refused)?;
            let report = history(&verified);
            let answer = Answer { kind: "history", proven: &verified, trusted: &report.trusted };
            if arguments.json { output.json(&answer)? } else { tell(&shown, &report, output)? }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether a file is JSON that begins with a format of this name.
fn is_of(begins: &[u8], format: &str) -> bool {
    let text = String::from_utf8_lossy(begins);
    let mut words = text.trim_start().splitn(4, '"');
    let opens = words.next().is_some_and(|opens| opens.trim_end() == "{");
    opens && words.next() == Some("format") && text.contains(&format!("\"{format}"))
}

/// What is told of a proof that holds.
struct Report {
    kind: String,
    identity: DomainIdentity,
    opening: Word,
    closing: Word,
    facts: Vec<String>,
    proven: Vec<String>,
    trusted: Vec<String>,
}

/// The same for machines.
#[derive(Serialize)]
struct Answer<'a, T> {
    kind: &'static str,
    #[serde(flatten)]
    proven: &'a T,
    trusted: &'a [String],
}

fn epoch(verified: &Verified) -> Report {
    let Verified { key_id, identity, epoch, steps, cells, rollups, .. } = verified;
    let (steps, cells, rollups) =
        (count(u64::try_from(*steps).unwrap_or(u64::MAX), "step"), cells.len(), rollups.len());
    Report {
        kind: format!("a valid proof of epoch {epoch}"),
        identity: *identity,
        opening: verified.opening_digest,
        closing: verified.closing_digest,
        facts: vec![
            format!("{steps}, {cells} cells and {rollups} rollups touched (--json lists them)"),
            format!("key {key_id}"),
        ],
        proven: vec![
            format!("{steps} of epoch {epoch} lead from the one state to the other. {RULES}"),
            "every cell and rollup that the epoch touches closes as listed, and nothing touched \
             is left out."
                .to_owned(),
        ],
        trusted: trusted(
            *key_id,
            &format!("before epoch {epoch}"),
            &format!("after epoch {epoch}"),
        )
        .into_iter()
        .chain([format!(
            "the ledger's books under epoch {epoch}: no proof holds them. Their digest is the settler's \
             word in the event EpochSettled on L1, and GET /v1/epochs/{epoch}/books has what it is over."
        )])
        .collect(),
    }
}

fn history(verified: &VerifiedHistory) -> Report {
    let VerifiedHistory { key_id, identity, anchor, last_epoch, steps, .. } = verified;
    let steps = count(*steps, "step");
    let mut trusted =
        trusted(*key_id, &format!("before epoch {anchor}"), &format!("after epoch {last_epoch}"));
    trusted.push(
        "that L1 saw the same steps, and where the epochs in between ended: compare each with L1."
            .to_owned(),
    );
    Report {
        kind: format!("a valid proof of epochs {anchor} to {last_epoch}"),
        identity: *identity,
        opening: verified.opening_digest,
        closing: verified.closing_digest,
        facts: vec![format!("{steps} in all"), format!("key {key_id}")],
        proven: vec![
            format!(
                "{steps}, cut into epochs {anchor} to {last_epoch}, lead from the one state to the \
                 other. {RULES}"
            ),
            format!(
                "everything that these steps show has the running digest {}.",
                verified.emission_digest
            ),
        ],
        trusted,
    }
}

/// What no proof of this kind says.
fn trusted(key_id: KeyId, before: &str, after: &str) -> Vec<String> {
    let setup = if key_id.is_insecure() {
        "the setup, which is an INSECURE DEVELOPMENT SETUP: its secret is public, so that anybody \
         can forge such a proof. It is worth something on a development chain alone."
    } else {
        "the setup: that one participant of the powers-of-tau ceremony behind the key was honest."
    };
    vec![
        setup.to_owned(),
        format!("that key {key_id} is of the circuit that you mean: make it from the sources."),
        "the assumptions on curves and hashes: discrete logarithms on BN254 and Grumpkin, Keccak-256 \
         and Poseidon."
            .to_owned(),
        format!(
            "that the opening state is the one which L1 stores {before}, and the closing state the \
             one {after}: compare both with the contract at the address above."
        ),
        "that registrations and deposits happened on L1: the contract compares them when it settles."
            .to_owned(),
        "each rollup's own execution: that its L2 roots and exit roots follow from its rules."
            .to_owned(),
    ]
}

fn tell(shown: &impl Display, report: &Report, output: &mut Output) -> anyhow::Result<()> {
    let DomainIdentity { chain_id, settlement, domain_id, .. } = report.identity;
    output.line(format_args!("{shown} is {}", report.kind))?;
    output.line(format_args!("  domain {domain_id} of {settlement} on chain {chain_id}"))?;
    output.line(format_args!("  from state {}", report.opening))?;
    output.line(format_args!("    to state {}", report.closing))?;
    for fact in &report.facts {
        output.line(format_args!("  {fact}"))?;
    }
    tell_each(&report.proven, &report.trusted, output)
}

fn tell_each(proven: &[String], trusted: &[String], output: &mut Output) -> anyhow::Result<()> {
    for proven in proven {
        output.line(format_args!("proven: {proven}"))?;
    }
    for trusted in trusted {
        output.line(format_args!("trusted: {trusted}"))?;
    }
    Ok(())
}

fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

const RULES: &str = "Each batch is signed by its rollup's registered key, continues that rollup's \
    last height and root, and overdraws no cell; value moves from cell to cell or to L1, and none \
    appears or vanishes.";
