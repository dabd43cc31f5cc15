//! `netfold history`: one file that attests every epoch since an anchor, made from the journal.
//!
//! **Invariant**: it only reads the ledger; an epoch enters only if L1 has settled it, and only if
//! its steps lead to the state that it was sealed with. A checkpoint is verified and compared with
//! the ledger before anything is folded on top.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use domain::{DomainIdentity, EpochNumber};
use folding::{HistoryFold, HistoryProof, Params};
use ledger::{Ledger, PageLimit, Role, Sealed};

use crate::cli::HistoryArguments;
use crate::output::Output;
use crate::parts::Database;
use crate::progress::{Stage, say};
use crate::running::Running;
use crate::services;
use crate::state_folder::StateFolder;

pub(super) fn run(arguments: &HistoryArguments, output: &mut Output) -> anyhow::Result<ExitCode> {
    let state = &arguments.state.state;
    if let Some(url) = &arguments.database_url {
        return prove(arguments, url, output);
    }
    if StateFolder::is_held(state) {
        return prove(arguments, &Running::find(state)?.database_url, output);
    }
    let state = StateFolder::open(state)?;
    let database = Database::start(None, &arguments.program, state.postgres())?;
    let outcome = prove(arguments, &database.url(), output);
    database.stop()?;
    outcome
}

fn prove(
    arguments: &HistoryArguments,
    database_url: &str,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let folder = arguments.parameters.folder(&arguments.state.state);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (proof, key) = runtime.block_on(async {
        let ledger = services::connect(database_url, Role::Read).await?;
        let adoption = ledger.domain().await?.context("the ledger has adopted no domain yet")?;
        // Before the parameters, which take their time: what is asked for may not be there.
        let last = last_epoch(arguments, &ledger).await?;
        let params = services::parameters(&arguments.parameters, folder).await?;
        let key = params.verifying_key().clone();
        let history = History { arguments, ledger, identity: adoption.identity, params };
        anyhow::Ok((history.prove(last).await?, key))
    })?;
    let bytes = proof.to_bytes();
    write(&arguments.out, &bytes)?;
    // What was written, as a stranger verifies it.
    let verified = HistoryProof::from_bytes(&fs::read(&arguments.out)?)?.verify(&key)?;
    if arguments.json {
        output.json(&verified)?;
    } else {
        output.line(format_args!(
            "{} proves epochs {} to {} in {} steps: {} bytes",
            arguments.out.display(),
            verified.anchor,
            verified.last_epoch,
            verified.steps,
            bytes.len()
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The last epoch that the proof is to hold: the one asked for, or the last that L1 has settled.
async fn last_epoch(arguments: &HistoryArguments, ledger: &Ledger) -> anyhow::Result<EpochNumber> {
    let settled = last_settled(ledger).await?.context(
        "L1 has settled no epoch yet: seal one (netfold epoch seal) and wait until it is settled",
    )?;
    let last = arguments.to.map_or(settled, EpochNumber::new);
    ensure!(
        last <= settled,
        "epoch {last} is not settled on L1, the last settled one is {settled}: leave --to out, or \
         wait"
    );
    let first = arguments.from.map_or(EpochNumber::FIRST, EpochNumber::new);
    ensure!(first >= EpochNumber::FIRST, "epochs are counted from {}", EpochNumber::FIRST);
    ensure!(first <= last, "there is no epoch from {first} to {last}");
    Ok(last)
}

async fn last_settled(ledger: &Ledger) -> anyhow::Result<Option<EpochNumber>> {
    let mut before = None;
    loop {
        let epochs = ledger.epochs(before, PageLimit::MAX).await?;
        let Some(oldest) = epochs.last() else { return Ok(None) };
        before = Some(oldest.epoch);
        if let Some(settled) = epochs.iter().find(|epoch| epoch.settlement.is_some()) {
            return Ok(Some(settled.epoch));
        }
    }
}

struct History<'a> {
    arguments: &'a HistoryArguments,
    ledger: Ledger,
    identity: DomainIdentity,
    params: Params,
}

impl History<'_> {
    async fn prove(&self, last: EpochNumber) -> anyhow::Result<HistoryProof> {
        let mut fold = self.resume_or_start(last).await?;
        loop {
            let next = match fold.last_epoch() {
                None => fold.anchor(),
                Some(reached) if reached >= last => break,
                Some(reached) => reached.next().context("there is no further epoch")?,
            };
            self.fold_epoch(&mut fold, next).await?;
            if let Some(file) = &self.arguments.checkpoint {
                write(file, &fold.checkpoint()?)?;
            }
        }
        let stage = Stage::begin("Compressing the history into one proof");
        let proof = fold.prove()?;
        stage.done(format!("{} steps are proven in one file", fold.steps()));
        Ok(proof)
    }

    async fn fold_epoch(&self, fold: &mut HistoryFold, epoch: EpochNumber) -> anyhow::Result<()> {
        let recorded = match self.ledger.operations_of(epoch).await {
            Err(archived @ ledger::Error::Archived { through, .. }) => {
                return Err(archived).context(format!(
                    "epoch {epoch} cannot be folded any more: begin after epoch {through} with \
                     --from, or go on from a --checkpoint that has it"
                ));
            }
            recorded => recorded?,
        };
        let plan = fold.plan(&recorded.opening, &recorded.operations).with_context(|| {
            format!("epoch {epoch} does not continue the fold: run `netfold audit`")
        })?;
        let stage = Stage::of(format!("Folding epoch {epoch}"), plan.steps.len());
        for step in &plan.steps {
            fold.step(step)?;
            stage.advance();
        }
        ensure!(
            fold.closing_digest() == recorded.closing_digest,
            "the steps of epoch {epoch} lead to state {}, it was sealed with {}: run `netfold audit`",
            fold.closing_digest(),
            recorded.closing_digest
        );
        stage.done(format!("Epoch {epoch} is folded, {} steps", plan.steps.len()));
        Ok(())
    }

    async fn resume_or_start(&self, last: EpochNumber) -> anyhow::Result<HistoryFold> {
        let from = self.arguments.from.map(EpochNumber::new);
        if let Some(file) = self.arguments.checkpoint.as_ref().filter(|file| file.exists()) {
            let shown = file.display();
            let bytes = fs::read(file).with_context(|| format!("could not read {shown}"))?;
            let fold = HistoryFold::resume(&self.params, &bytes).with_context(|| {
                format!("{shown} is REFUSED: remove it to fold from the anchor")
            })?;
            self.check(&fold, from, last).await.with_context(|| format!("checkpoint {shown}"))?;
            return Ok(fold);
        }
        let anchor = from.unwrap_or(EpochNumber::FIRST);
        let opening = self.sealed(anchor).await?.opening_digest;
        Ok(HistoryFold::start(&self.params, self.identity, anchor, opening))
    }

    async fn sealed(&self, epoch: EpochNumber) -> anyhow::Result<Sealed> {
        let sealed = self.ledger.sealed(epoch).await?;
        sealed.with_context(|| format!("epoch {epoch} is not sealed"))
    }

    /// A checkpoint holds by itself; it must be of this ledger, too, and of what is asked for.
    async fn check(
        &self,
        fold: &HistoryFold,
        from: Option<EpochNumber>,
        last: EpochNumber,
    ) -> anyhow::Result<()> {
        let anchor = fold.anchor();
        ensure!(
            *fold.identity() == self.identity,
            "it is of another domain than the ledger's: name another file"
        );
        ensure!(
            from.is_none_or(|from| from == anchor),
            "it begins with epoch {anchor}: leave --from out, or name another file"
        );
        let Some(reached) = fold.last_epoch() else { bail!("it holds no step") };
        ensure!(
            reached <= last,
            "it has folded epoch {reached} already, past epoch {last}: name another file"
        );
        let opening = self.sealed(anchor).await?.opening_digest;
        let closing = self.sealed(reached).await?.closing_digest;
        ensure!(
            fold.opening_digest() == opening && fold.closing_digest() == closing,
            "its states are not those of the ledger: remove it to fold from the anchor"
        );
        say(format_args!("Folding goes on after epoch {reached}, {} steps", fold.steps()));
        Ok(())
    }
}

/// Whole or not at all: a checkpoint is worth hours.
fn write(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let unfinished = PathBuf::from(format!("{}.partial", file.display()));
    fs::write(&unfinished, bytes)
        .and_then(|()| fs::rename(&unfinished, file))
        .with_context(|| format!("could not write {}", file.display()))
}
