//! Where the server's programs are.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::access;
use super::refusal::Refusal;
use crate::guarded::{RunAs, plain_environment};

/// A folder with `initdb` and `postgres`, and their major version.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Binaries {
    pub(super) folder: PathBuf,
    pub(super) major: u32,
}

impl Binaries {
    /// The programs in `named`, or else the first found by `pg_config`, among Debian's versions
    /// (newest first) or in `PATH`; those that made the data are preferred to newer ones.
    pub(super) fn find(named: Option<&Path>, made_by: Option<u32>) -> Result<Self, Refusal> {
        if let Some(folder) = named {
            return Self::at(folder)
                .ok_or_else(|| Refusal::NamedProgramsUnusable { folder: folder.to_path_buf() });
        }
        let mut newest: Option<Self> = None;
        for found in candidates().iter().filter_map(|folder| Self::at(folder)) {
            if Some(found.major) == made_by {
                return Ok(found);
            }
            newest.get_or_insert(found);
        }
        newest.ok_or(Refusal::NoPrograms)
    }

    /// Refuses programs that the user who is to run them cannot reach (below `/root`, mostly).
    pub(super) fn check_reach(&self, run_as: Option<RunAs>) -> Result<(), Refusal> {
        let Some(who) = run_as else { return Ok(()) };
        let barrier =
            access::barrier(&self.folder, who).map_err(Refusal::io("look at", &self.folder))?;
        match barrier {
            Some(barrier) => Err(Refusal::ProgramsOutOfReach {
                folder: self.folder.clone(),
                barrier,
                uid: who.uid,
            }),
            None => Ok(()),
        }
    }

    fn at(folder: &Path) -> Option<Self> {
        folder.join("initdb").exists().then_some(())?;
        let major = major_in(&answer(&folder.join("postgres"), "--version")?)?;
        Some(Self { folder: folder.to_path_buf(), major })
    }
}

fn candidates() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let Some(told) = answer(Path::new("pg_config"), "--bindir") {
        folders.push(PathBuf::from(told.trim()));
    }
    let mut debian: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let major = entry.file_name().to_str()?.parse().ok()?;
            Some((major, entry.path().join("bin")))
        })
        .collect();
    debian.sort_by_key(|(major, _)| std::cmp::Reverse(*major));
    folders.extend(debian.into_iter().map(|(_, folder)| folder));
    if let Some(path) = std::env::var_os("PATH") {
        folders.extend(std::env::split_paths(&path));
    }
    folders
}

fn answer(program: &Path, question: &str) -> Option<String> {
    let mut command = Command::new(program);
    plain_environment(&mut command);
    let output = command.arg(question).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` → 15; also `18.6`, `19beta1`.
fn major_in(version: &str) -> Option<u32> {
    let number =
        version.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::major_in;

    /// The major version is read from every form that releases have had.
    #[test]
    fn major_version() {
        let check = |text: &str, major| assert_eq!(major_in(text), major, "{text}");
        check("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", Some(15));
        check("postgres (PostgreSQL) 18.6\n", Some(18));
        check("postgres (PostgreSQL) 19beta1\n", Some(19));
        check("postgres (PostgreSQL)\n", None);
    }
}
