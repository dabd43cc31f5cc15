//! The database and the L1 node: embedded ones by default, others where they are named.
//!
//! **Invariant**: a named part is only used, never started, stopped or initialised beyond what the
//! ledger's migrations and the contract do.

use std::path::PathBuf;

use anyhow::{Context as _, bail};

use crate::anvil::{self, Anvil};
use crate::cli::{L1Arguments, PostgresProgram};
use crate::postgres::{self, Postgres};
use crate::progress::{Stage, say};

/// Where the ledger is.
#[derive(Debug)]
pub(crate) enum Database {
    Embedded(Postgres),
    Named(String),
}

/// Where L1 is.
#[derive(Debug)]
pub(crate) enum Node {
    Embedded(Anvil),
    Named(String),
}

impl Database {
    pub(crate) fn start(
        named: Option<String>,
        program: &PostgresProgram,
        folder: PathBuf,
    ) -> anyhow::Result<Self> {
        if let Some(url) = named {
            return Ok(Self::Named(url));
        }
        let stage = Stage::begin("Starting Postgres");
        let settings = postgres::Settings { folder, programs: program.pg_bin.clone() };
        let postgres = Postgres::start(&settings)?;
        stage.done("Postgres runs on a socket of its own");
        if let Some(notice) = postgres.notice() {
            say(notice);
        }
        Ok(Self::Embedded(postgres))
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::Embedded(postgres) => postgres.url(),
            Self::Named(url) => url.clone(),
        }
    }

    /// Fails once an embedded server has ended by itself.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        if let Self::Embedded(postgres) = self {
            postgres.check()?;
        }
        Ok(())
    }

    pub(crate) fn stop(self) -> anyhow::Result<()> {
        if let Self::Embedded(postgres) = self {
            postgres.stop().context("postgres could not be stopped")?;
        }
        Ok(())
    }
}

impl Node {
    pub(crate) fn start(arguments: &L1Arguments, folder: PathBuf) -> anyhow::Result<Self> {
        if let Some(url) = &arguments.l1_rpc_url {
            return Ok(Self::Named(url.clone()));
        }
        let stage = Stage::begin("Starting the development L1");
        let settings = anvil::Settings {
            folder,
            program: arguments.anvil_bin.clone(),
            port: arguments.l1_port,
        };
        let anvil = Anvil::start(&settings)?;
        stage.done(format!("A development L1 runs at {}", anvil.url()));
        Ok(Self::Embedded(anvil))
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::Embedded(anvil) => anvil.url(),
            Self::Named(url) => url.clone(),
        }
    }

    /// Fails once an embedded node has ended by itself.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        if let Self::Embedded(anvil) = self
            && let Some(status) = anvil.ended()?
        {
            bail!("the development L1 ended ({status}): start again, its chain is kept");
        }
        Ok(())
    }

    pub(crate) fn stop(self) -> anyhow::Result<()> {
        if let Self::Embedded(anvil) = self {
            anvil.stop().context("the development L1 could not be stopped")?;
        }
        Ok(())
    }
}
