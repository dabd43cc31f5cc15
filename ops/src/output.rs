//! What the command says to whoever called it.
//!
//! **Invariant**: stdout carries what this module writes and nothing else. Libraries print to it
//! (the curve library says "true" or "false" for each bit of a subgroup check); from the first line
//! of `main` on, descriptor 1 leads to stderr, and the real one is held here.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;

use anyhow::Context as _;
use serde::Serialize;

/// The real stdout.
#[derive(Debug)]
pub struct Output {
    stdout: File,
}

impl Output {
    /// Takes stdout away from everything else in the process. Called once, before anything prints.
    ///
    /// # Errors
    /// When stdout or stderr is closed.
    pub fn take() -> anyhow::Result<Self> {
        let stdout = io::stdout().as_fd().try_clone_to_owned().context("stdout is closed")?;
        rustix::stdio::dup2_stdout(io::stderr()).context("stderr is closed")?;
        Ok(Self { stdout: File::from(stdout) })
    }

    /// A line for people.
    ///
    /// # Errors
    /// When the reader is gone.
    pub fn line(&mut self, line: impl std::fmt::Display) -> io::Result<()> {
        writeln!(self.stdout, "{line}")
    }

    /// A line for machines: one JSON value.
    ///
    /// # Errors
    /// When the reader is gone.
    pub fn json(&mut self, value: &impl Serialize) -> anyhow::Result<()> {
        let line = serde_json::to_string(value)?;
        self.line(line)?;
        Ok(())
    }

    /// The real stdout for a child process.
    ///
    /// # Errors
    /// When no descriptor is left.
    pub fn handle(&self) -> io::Result<File> {
        self.stdout.try_clone()
    }

    /// Bytes as they are.
    ///
    /// # Errors
    /// When the reader is gone.
    pub fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stdout.write_all(bytes)
    }
}
