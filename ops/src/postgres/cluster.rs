//! The data directory: made once, and by one server at a time.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::binaries::Binaries;
use super::home::Home;
use super::refusal::{self, Refusal};
use super::{DATABASE, OWNER};
use crate::guarded::plain_environment;

/// The major version that made the data directory; `None` when there is none yet.
pub(super) fn major_of(data: &Path) -> Result<Option<u32>, Refusal> {
    let file = data.join("PG_VERSION");
    let unreadable = || Refusal::NotACluster { data: data.to_path_buf() };
    match std::fs::read_to_string(&file) {
        Ok(text) => text.trim().parse().map(Some).map_err(|_| unreadable()),
        Err(_) if !data.exists() => Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(unreadable()),
        Err(error) => Err(Refusal::io("read", &file)(error)),
    }
}

/// Makes the data directory beside its place and renames it there when it is complete, so that an
/// interrupted first start leaves nothing that looks like a database.
pub(super) fn initialise(programs: &Binaries, home: &Home, data: &Path) -> Result<(), Refusal> {
    let unfinished = data.with_extension("new");
    if unfinished.exists() {
        std::fs::remove_dir_all(&unfinished).map_err(Refusal::io("remove", &unfinished))?;
    }
    let mut initdb = command(&programs.folder.join("initdb"), home);
    initdb.args(["--username", OWNER, "--encoding", "UTF8", "--locale", "C", "--auth", "trust"]);
    initdb.args(["--data-checksums", "--no-instructions", "--pgdata"]).arg(&unfinished);
    check(&initdb.output().map_err(Refusal::io("run initdb for", data))?, home)?;
    // Trust, for the socket alone: only the folder's own user gets to it.
    let access = unfinished.join("pg_hba.conf");
    std::fs::write(&access, "local all all trust\n").map_err(Refusal::io("write", &access))?;
    create_database(programs, home, &unfinished)?;
    std::fs::rename(&unfinished, data).map_err(Refusal::io("name", data))
}

/// In single-user mode: no server runs yet, and the cluster comes complete or not at all.
fn create_database(programs: &Binaries, home: &Home, data: &Path) -> Result<(), Refusal> {
    let failed = || Refusal::io("make the database in", data);
    let mut single = command(&programs.folder.join("postgres"), home);
    single.args(["--single", "-D"]).arg(data).arg("postgres");
    single.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = single.spawn().map_err(failed())?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(format!("create database {DATABASE}\n").as_bytes()).map_err(failed())?;
    }
    check(&child.wait_with_output().map_err(failed())?, home)
}

fn command(program: &Path, home: &Home) -> Command {
    let mut command = Command::new(program);
    plain_environment(&mut command);
    command.current_dir("/").stdin(Stdio::null());
    if let Some(who) = home.run_as {
        command.uid(who.uid).gid(who.gid);
    }
    command
}

fn check(output: &Output, home: &Home) -> Result<(), Refusal> {
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(refusal::of_text(&said, &home.folder, &home.folder, output.status))
}

/// Waits for a server that is still shutting down after its supervisor was killed, and clears away
/// what a server that is gone has left: its process id may by now be somebody else's, and Postgres
/// would then refuse to start.
///
/// Nobody else starts one in between: the state folder is locked by this process.
pub(super) fn await_predecessor(data: &Path) -> Result<(), Refusal> {
    let file = data.join("postmaster.pid");
    let began = Instant::now();
    while let Some(pid) = first_line(&file) {
        if !serves(&pid, data) {
            return std::fs::remove_file(&file).map_err(Refusal::io("remove the stale", &file));
        }
        if began.elapsed() > PREDECESSOR_PATIENCE {
            return Err(Refusal::InUse { data: data.to_path_buf(), pid });
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Whether process `pid` is the server of `data`: a postmaster's working directory is its data.
fn serves(pid: &str, data: &Path) -> bool {
    let cwd = std::fs::read_link(format!("/proc/{pid}/cwd"));
    match (cwd, data.canonicalize()) {
        (Ok(cwd), Ok(data)) => cwd == data,
        // Alive but not ours to look into: taken for the server, since the other error is worse.
        (Err(error), _) => error.kind() == std::io::ErrorKind::PermissionDenied,
        (Ok(_), Err(_)) => false,
    }
}

fn first_line(file: &PathBuf) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    Some(text.lines().next().unwrap_or_default().trim().to_owned())
}

/// Whether the server with this process id has said that it accepts connections.
pub(super) fn is_ready(data: &Path, id: u32) -> bool {
    let Ok(text) = std::fs::read_to_string(data.join("postmaster.pid")) else { return false };
    let mut lines = text.lines();
    lines.next().is_some_and(|pid| pid.trim() == id.to_string())
        && lines.nth(6).is_some_and(|status| status.trim() == "ready")
}

/// A fast shutdown's checkpoint takes seconds at most.
const PREDECESSOR_PATIENCE: Duration = Duration::from_secs(30);
