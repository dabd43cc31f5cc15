//! What is going on, for people, on stderr: a moving line on a terminal, one line per finished
//! stage elsewhere.
//!
//! **Invariant**: nothing here reaches stdout, a stage that fails leaves no half-drawn line, and a stderr
//! that nobody reads any more ends nothing.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// One stage of a longer job. Dropped before [`Stage::done`], its line disappears.
#[derive(Debug)]
pub struct Stage {
    bar: ProgressBar,
    began: Instant,
}

impl Stage {
    /// Begins a stage of unknown length.
    #[must_use]
    pub fn begin(what: impl Into<String>) -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.set_message(what.into());
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { bar, began: Instant::now() }
    }

    /// Begins a stage of so many parts.
    #[must_use]
    pub fn of(what: impl Into<String>, parts: usize) -> Self {
        let stage = Self::begin(what);
        let style =
            ProgressStyle::with_template("{spinner} {msg} {bar:24} {pos}/{len} ({elapsed})");
        if let Ok(style) = style {
            stage.bar.set_style(style);
        }
        stage.bar.set_length(u64::try_from(parts).unwrap_or(u64::MAX));
        stage
    }

    /// Begins a stage of so many parts that its speed and its end can be told: see [`Self::length`].
    #[must_use]
    pub fn measured(what: impl Into<String>) -> Self {
        let stage = Self::begin(what);
        let style = ProgressStyle::with_template(
            "{spinner} {msg} {bar:24} {percent}% ({elapsed}, {eta} left)",
        );
        if let Ok(style) = style {
            stage.bar.set_style(style);
        }
        stage
    }

    /// How many parts there are.
    pub fn length(&self, parts: u64) {
        self.bar.set_length(parts);
    }

    /// So many were done before: they count for nothing in the speed.
    pub fn start_at(&self, parts: u64) {
        self.bar.set_position(parts);
        self.bar.reset_eta();
    }

    /// So many parts are done.
    pub fn reach_of(&self, parts: u64) {
        self.bar.set_position(parts);
    }

    /// Says what the stage is at.
    pub fn at(&self, what: impl Into<String>) {
        self.bar.set_message(what.into());
    }

    /// So many parts are done.
    pub fn reach(&self, parts: usize) {
        self.bar.set_position(u64::try_from(parts).unwrap_or(u64::MAX));
    }

    /// One more part is done.
    pub fn advance(&self) {
        self.bar.inc(1);
    }

    /// Ends the stage with what came of it.
    pub fn done(self, outcome: impl std::fmt::Display) {
        self.bar.finish_and_clear();
        let seconds = self.began.elapsed().as_secs_f32();
        tell(format_args!("✓ {outcome} ({seconds:.1} s)"));
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A remark between stages.
pub fn say(what: impl std::fmt::Display) {
    let mark = if std::io::stderr().is_terminal() { "·" } else { "-" };
    tell(format_args!("{mark} {what}"));
}

/// A line on stderr. Whoever read it may be gone: the work goes on without them.
pub fn tell(line: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
