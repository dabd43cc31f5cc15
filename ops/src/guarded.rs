//! Child processes that never outlive this one.
//!
//! **Invariant**: a guarded child is sent an interrupt as soon as this process is gone, however it
//! went (`kill -9` and an out-of-memory kill included), and whichever thread started it.
//!
//! How: the child is started by a two-line shell script that first leaves a watcher behind, which
//! waits for the end of its standard input, a pipe whose other end this process holds. The kernel
//! closes the pipe with this process; the watcher then sends the interrupt. The parent-death
//! signal of Linux would need code between fork and exec (which is unsafe) and follows the
//! *thread* that started the child. Closing the pipe is also the ordinary way to stop the child.
//!
//! It deliberately does not restart anything: an ended child is reported, its owner decides.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// `exec` keeps the process id, so `$$` names the child itself, in the watcher too.
/// The watcher is forked twice: the child must not find a process it does not know among its own.
const WATCHED: &str = "exec 3<&0 </dev/null\n\
    ( ( read -r _ <&3; kill -INT \"$$\" ) >/dev/null 2>&1 & )\n\
    exec \"$0\" \"$@\" 3<&-";

/// How often an ending child is looked at.
const POLL: Duration = Duration::from_millis(20);

/// Who a child runs as, when that is not who runs this process.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RunAs {
    /// User id.
    pub uid: u32,
    /// Group id; supplementary groups are dropped.
    pub gid: u32,
}

/// A running child that ends with this process.
#[derive(Debug)]
pub struct Guarded {
    child: Child,
    lifeline: Option<ChildStdin>,
    patience: Duration,
}

impl Guarded {
    /// Starts `program` with `arguments` in a process group of its own, so that Ctrl-C reaches it
    /// only through its owner's orderly stop. Both output streams go to `log`.
    ///
    /// `patience` is how long [`Guarded::stop`] waits before it kills.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub fn spawn<A: AsRef<OsStr>>(
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        run_as: Option<RunAs>,
        log: &File,
        patience: Duration,
    ) -> io::Result<Self> {
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(WATCHED).arg(program).args(arguments);
        plain_environment(&mut command);
        command.current_dir("/").process_group(0);
        if let Some(RunAs { uid, gid }) = run_as {
            command.uid(uid).gid(gid);
        }
        command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log.try_clone()?);
        let mut child = command.spawn()?;
        let lifeline = child.stdin.take();
        Ok(Self { child, lifeline, patience })
    }

    /// The child's process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How the child ended, if it did.
    ///
    /// # Errors
    /// When the operating system cannot tell.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        let status = self.child.try_wait()?;
        if status.is_some() {
            // Lets the watcher go while the child's id cannot have been given to another process.
            self.lifeline = None;
        }
        Ok(status)
    }

    /// Interrupts the child and waits for its end; kills it when its patience has run out.
    ///
    /// # Errors
    /// When the operating system cannot tell how it ended.
    pub fn stop(&mut self) -> io::Result<ExitStatus> {
        if let Some(status) = self.ended()? {
            return Ok(status);
        }
        self.lifeline = None;
        let began = Instant::now();
        while began.elapsed() < self.patience {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(POLL);
        }
        self.child.kill()?;
        self.child.wait()
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::warn!(%error, "a child process could not be stopped");
        }
    }
}

/// Leaves a child only the environment it needs: `PGPORT`, `PGOPTIONS` or a foreign locale must
/// not change what a database does.
pub(crate) fn plain_environment(command: &mut Command) {
    command.env_clear().env("LC_ALL", "C").env("TZ", "UTC");
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> (tempfile::TempDir, File) {
        let folder = tempfile::tempdir().unwrap();
        let file = File::create(folder.path().join("log")).unwrap();
        (folder, file)
    }

    fn await_ready(folder: &tempfile::TempDir) {
        while !std::fs::read_to_string(folder.path().join("log")).unwrap().contains("ready") {
            std::thread::sleep(POLL);
        }
    }

    /// A stopped child has been interrupted, not killed, and its exit status is its own.
    #[test]
    fn stop_interrupts() {
        let (folder, file) = log();
        let script =
            "trap 'echo interrupted; exit 7' INT; echo ready; while :; do sleep 0.02; done";
        let mut child = Guarded::spawn(
            Path::new("/bin/sh"),
            ["-c", script],
            None,
            &file,
            Duration::from_secs(10),
        )
        .unwrap();
        await_ready(&folder);
        assert_eq!(child.stop().unwrap().code(), Some(7));
        let said = std::fs::read_to_string(folder.path().join("log")).unwrap();
        assert!(said.contains("interrupted"));
    }

    /// A child that ignores the interrupt is killed when the patience has run out.
    #[test]
    fn stop_kills_the_deaf() {
        let (folder, file) = log();
        let script = "trap '' INT; echo ready; while :; do sleep 0.02; done";
        let mut child = Guarded::spawn(
            Path::new("/bin/sh"),
            ["-c", script],
            None,
            &file,
            Duration::from_millis(200),
        )
        .unwrap();
        await_ready(&folder);
        assert_eq!(child.stop().unwrap().code(), None);
    }

    /// The end of a child by itself is seen, with its status.
    #[test]
    fn an_ended_child_is_reported() {
        let (_folder, file) = log();
        let mut child = Guarded::spawn(
            Path::new("/bin/sh"),
            ["-c", "exit 3"],
            None,
            &file,
            Duration::from_secs(1),
        )
        .unwrap();
        let status = loop {
            if let Some(status) = child.ended().unwrap() {
                break status;
            }
            std::thread::sleep(POLL);
        };
        assert_eq!(status.code(), Some(3));
    }
}
