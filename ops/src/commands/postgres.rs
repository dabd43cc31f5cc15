//! `netfold postgres`: the embedded Postgres for whoever wants one, tests before all.

use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::Context as _;

use crate::cli::PostgresArguments;
use crate::output::Output;
use crate::postgres::{Postgres, Settings};
use crate::progress::tell;
use crate::state_folder::StateFolder;

pub(super) fn run(arguments: PostgresArguments, output: &mut Output) -> anyhow::Result<ExitCode> {
    let state = StateFolder::open(&arguments.state.state)?;
    let settings = Settings { folder: state.postgres(), programs: arguments.program.pg_bin };
    let mut postgres = Postgres::start(&settings)?;
    if let Some(notice) = postgres.notice() {
        tell(notice);
    }
    if let Some((program, rest)) = arguments.command.split_first() {
        let shown = program.display().to_string();
        let status = Command::new(program)
            .args(rest)
            .env("DATABASE_URL", postgres.url())
            .stdout(output.handle()?)
            .status()
            .with_context(|| format!("could not run {shown}"))?;
        postgres.stop()?;
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        return Ok(code.map_or(ExitCode::FAILURE, ExitCode::from));
    }
    output.line(postgres.url())?;
    // Until this process is ended: the server notices by itself.
    loop {
        postgres.check()?;
        std::thread::sleep(Duration::from_millis(500));
    }
}
