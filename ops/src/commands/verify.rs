//! `netfold verify`: checks an epoch's proof file, and needs nothing but the file and a key.

use std::process::ExitCode;

use anyhow::Context as _;
use folding::{EpochProof, VerifyingKey};

use crate::cli::VerifyArguments;
use crate::input;
use crate::output::Output;

pub(super) fn run(arguments: &VerifyArguments, output: &mut Output) -> anyhow::Result<ExitCode> {
    let shown = arguments.file.display();
    let folder = arguments.parameters.folder(&arguments.state.state);
    let key = VerifyingKey::load(&folder, &arguments.parameters.setup())
        .with_context(|| format!("no usable verifying key in {}", folder.display()))?;
    let bytes = input::read(&arguments.file)?;
    let refused = || format!("{shown} is REFUSED");
    let verified = EpochProof::from_bytes(&bytes)
        .and_then(|proof| proof.verify(&key))
        .with_context(refused)?;
    if arguments.json {
        output.json(&verified)?;
        return Ok(ExitCode::SUCCESS);
    }
    let identity = verified.identity;
    output.line(format_args!("{shown} is a valid proof of epoch {}", verified.epoch))?;
    output.line(format_args!(
        "  domain {} of {} on chain {}",
        identity.domain_id, identity.settlement, identity.chain_id
    ))?;
    output.line(format_args!("  from state {}", verified.opening_digest))?;
    output.line(format_args!("    to state {}", verified.closing_digest))?;
    output.line(format_args!(
        "  {} steps, {} cells and {} rollups touched",
        verified.steps,
        verified.cells.len(),
        verified.rollups.len()
    ))?;
    output.line(format_args!("  key {}", verified.key_id))?;
    if verified.key_id.is_insecure() {
        output.line("  The key is of an insecure development setup: whoever made it can forge.")?;
    }
    Ok(ExitCode::SUCCESS)
}
