//! Exit-kits in files: read line by line, whatever their size.

use std::io::BufRead;
use std::path::Path;

use anyhow::Context as _;
use api::evidence::{KitCheck, KitExit, KitHead, KitLine};

use crate::input;

/// Reads and checks a kit, handing each exit on as it comes. What is handed on has a path to the settled
/// state; whether the kit is whole is known only at its end.
pub(crate) fn read(
    opened: &mut dyn BufRead,
    file: &Path,
    mut each: impl FnMut(&KitHead, &KitExit) -> anyhow::Result<()>,
) -> anyhow::Result<KitHead> {
    let refused = || format!("{} is REFUSED", file.display());
    let first = input::line(opened, file).with_context(refused)?.unwrap_or_default();
    let mut check = KitCheck::begin(&first).with_context(refused)?;
    while let Some(line) = input::line(opened, file).with_context(refused)? {
        if let KitLine::Exit(exit) = check.line(&line).with_context(refused)? {
            each(check.head(), &exit)?;
        }
    }
    check.finish().with_context(refused)
}
