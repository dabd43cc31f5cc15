//! A dump of a database, put into a running server.
//!
//! **Invariant**: a dump is restored whole or refused, by the programs of the server that it goes to;
//! and what a text of SQL makes `psql` do, it does as the server's user, never as root.
//!
//! A dump is a program: whoever made it may run what the server's user may. Restore only those of
//! people whom you would let do that.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::Postgres;
use super::binaries::Binaries;
use crate::guarded::plain_environment;

/// A dump, by the form that it has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DumpForm {
    /// `pg_dump -Fc`.
    Custom,
    /// `pg_dump -Ft`.
    Tar,
    /// `pg_dump -Fd`.
    Directory,
    /// `pg_dump -Fp`: SQL.
    Plain,
}

/// Why a dump was not restored.
#[derive(Debug, thiserror::Error)]
pub enum DumpRefusal {
    /// It cannot be read.
    #[error("{file} could not be read")]
    Unreadable {
        /// The dump.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is something else.
    #[error(
        "{file} is no dump of one database: make one with pg_dump (any format; unpack a compressed \
         SQL file first)"
    )]
    NoDump {
        /// The file.
        file: PathBuf,
    },
    /// It was made by or of a newer PostgreSQL.
    #[error(
        "{file} is of PostgreSQL {made_by}, the programs in {folder} are of {found}: name the folder \
         of newer ones with --pg-bin"
    )]
    Newer {
        /// The dump.
        file: PathBuf,
        /// The version that made it.
        made_by: u32,
        /// The programs' folder.
        folder: PathBuf,
        /// Their version.
        found: u32,
    },
    /// A program that belongs to the server's is missing.
    #[error(
        "{program} could not be run: install the PostgreSQL client programs beside the server's"
    )]
    NoProgram {
        /// Which.
        program: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The program that restores it refused.
    #[error("{file} could not be restored: {said}")]
    Refused {
        /// The dump.
        file: PathBuf,
        /// The first error that was told.
        said: String,
    },
    /// It names a role that the server does not have.
    #[error("{file} names role {role}, which is not there")]
    NoRole {
        /// The dump.
        file: PathBuf,
        /// The role.
        role: String,
    },
}

impl DumpForm {
    /// The form of a dump.
    ///
    /// # Errors
    /// [`DumpRefusal::Unreadable`] or [`DumpRefusal::NoDump`].
    pub fn of(path: &Path) -> Result<Self, DumpRefusal> {
        let unreadable = |source| DumpRefusal::Unreadable { file: path.to_path_buf(), source };
        let no_dump = || DumpRefusal::NoDump { file: path.to_path_buf() };
        if fs::metadata(path).map_err(unreadable)?.is_dir() {
            let contents = path.join("toc.dat").is_file();
            return if contents { Ok(Self::Directory) } else { Err(no_dump()) };
        }
        let mut head = Vec::new();
        let file = File::open(path).map_err(unreadable)?;
        file.take(HEAD).read_to_end(&mut head).map_err(unreadable)?;
        let text = String::from_utf8_lossy(&head);
        if head.starts_with(b"PGDMP") {
            Ok(Self::Custom)
        } else if head.starts_with(b"toc.dat\0") {
            Ok(Self::Tar)
        } else if text.starts_with("--") && text.contains("PostgreSQL database dump\n") {
            Ok(Self::Plain)
        } else {
            Err(no_dump())
        }
    }
}

impl Postgres {
    /// Restores a dump into the database `netfold`, which is empty.
    ///
    /// # Errors
    /// A [`DumpRefusal`]; then the database holds a part of it.
    pub fn restore(&self, dump: &Path) -> Result<(), DumpRefusal> {
        let form = DumpForm::of(dump)?;
        let told = match form {
            DumpForm::Plain => head_of(dump)?,
            _ => self.list(dump)?,
        };
        if let Some(made_by) = made_by(&told).filter(|major| *major > self.programs.major) {
            return Err(DumpRefusal::Newer {
                file: dump.to_path_buf(),
                made_by,
                folder: self.programs.folder.clone(),
                found: self.programs.major,
            });
        }
        let url = self.url();
        let mut command = match form {
            DumpForm::Plain => {
                let mut psql = program(&self.programs, "psql");
                psql.args(["--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1"]);
                psql.args(["--output=/dev/null", "--file=-", &url]);
                psql.stdin(File::open(dump).map_err(|source| DumpRefusal::Unreadable {
                    file: dump.to_path_buf(),
                    source,
                })?);
                if let Some(who) = self.home.run_as {
                    psql.uid(who.uid).gid(who.gid);
                }
                psql
            }
            form => {
                let mut restore = program(&self.programs, "pg_restore");
                restore.args(["--exit-on-error", "--no-password"]);
                if form != DumpForm::Tar {
                    let cores = std::thread::available_parallelism().map_or(1, usize::from);
                    restore.arg(format!("--jobs={cores}"));
                }
                restore.arg(format!("--dbname={url}")).arg(dump);
                restore
            }
        };
        run(&mut command).and_then(|output| check(&output, dump))
    }

    /// What `pg_restore` tells of a dump.
    fn list(&self, dump: &Path) -> Result<String, DumpRefusal> {
        let mut list = program(&self.programs, "pg_restore");
        let output = run(list.arg("--list").arg(dump))?;
        check(&output, dump).map_err(|refusal| self.newer(refusal, dump))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// A form that these programs do not know yet says so by a version of its own.
    fn newer(&self, refusal: DumpRefusal, dump: &Path) -> DumpRefusal {
        match refusal {
            DumpRefusal::Refused { said, .. } if said.contains("unsupported version") => {
                DumpRefusal::Newer {
                    file: dump.to_path_buf(),
                    made_by: self.programs.major.saturating_add(1),
                    folder: self.programs.folder.clone(),
                    found: self.programs.major,
                }
            }
            refusal => refusal,
        }
    }
}

fn program(programs: &Binaries, name: &str) -> Command {
    let mut command = Command::new(programs.folder.join(name));
    plain_environment(&mut command);
    command.stdin(Stdio::null());
    command
}

fn run(command: &mut Command) -> Result<Output, DumpRefusal> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().map_err(|source| {
        DumpRefusal::NoProgram { program: PathBuf::from(command.get_program()), source }
    })
}

fn head_of(dump: &Path) -> Result<String, DumpRefusal> {
    let unreadable = |source| DumpRefusal::Unreadable { file: dump.to_path_buf(), source };
    let mut head = Vec::new();
    File::open(dump).and_then(|file| file.take(HEAD).read_to_end(&mut head)).map_err(unreadable)?;
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// `Dumped from database version 15.18 (Debian 15.18-0+deb12u1)` → 15.
fn made_by(told: &str) -> Option<u32> {
    let version = told.split_once("Dumped from database version")?.1;
    let digits = version.trim_start_matches([':', ' ']);
    digits.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn check(output: &Output, dump: &Path) -> Result<(), DumpRefusal> {
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let error = said.lines().find(|line| line.to_lowercase().contains("error"));
    let said = error.or(said.lines().next()).unwrap_or("without a word").trim().to_owned();
    let file = dump.to_path_buf();
    Err(match role_in(&said) {
        Some(role) => DumpRefusal::NoRole { file, role },
        None => DumpRefusal::Refused { file, said },
    })
}

/// `ERROR:  role "backup" does not exist` → `backup`.
fn role_in(said: &str) -> Option<String> {
    let (before, _) = said.split_once("\" does not exist")?;
    let (_, role) = before.split_once("role \"")?;
    Some(role.to_owned())
}

/// Whatever names a dump stands at its beginning.
const HEAD: u64 = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    /// The version is found in what each form tells of itself, and roles in what is refused.
    #[test]
    fn what_is_told() {
        let plain = "-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)\n";
        assert_eq!(made_by(plain), Some(15));
        assert_eq!(made_by(";     Dumped from database version: 18beta1\n"), Some(18));
        assert_eq!(made_by("--\n"), None);
        let said = "psql:<stdin>:1: ERROR:  role \"back up\" does not exist";
        assert_eq!(role_in(said).as_deref(), Some("back up"));
        assert_eq!(role_in("ERROR:  syntax error"), None);
    }

    /// Whatever is no dump is told apart from what is one.
    #[test]
    fn forms() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        let check = |bytes: &[u8], form: Option<DumpForm>| {
            fs::write(&file, bytes).unwrap();
            assert_eq!(DumpForm::of(&file).ok(), form, "{bytes:?}");
        };
        check(b"PGDMP\x01", Some(DumpForm::Custom));
        check(b"toc.dat\0\0", Some(DumpForm::Tar));
        check(b"--\n-- PostgreSQL database dump\n--\n", Some(DumpForm::Plain));
        check(b"--\n-- PostgreSQL database cluster dump\n--\n", None);
        check(b"", None);
        check(&[0x1f, 0x8b, 8], None);
        assert!(matches!(DumpForm::of(folder.path()), Err(DumpRefusal::NoDump { .. })));
        fs::write(folder.path().join("toc.dat"), "").unwrap();
        assert_eq!(DumpForm::of(folder.path()).ok(), Some(DumpForm::Directory));
        let nowhere = DumpForm::of(&folder.path().join("nowhere"));
        assert!(matches!(nowhere, Err(DumpRefusal::Unreadable { .. })));
    }
}
