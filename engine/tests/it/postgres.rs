//! A real Postgres in a folder of its own, reached by a socket alone, ended with the test.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A running Postgres.
pub(crate) struct Postgres {
    server: Child,
    folder: TempDir,
}

impl Postgres {
    /// A new cluster. Postgres refuses to run as root: then it runs as `postgres`.
    pub(crate) fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("netfold-engine-").tempdir().unwrap();
        let user = unprivileged();
        if let Some((uid, gid)) = user {
            std::os::unix::fs::chown(folder.path(), Some(uid), Some(gid)).unwrap();
        }
        let data = folder.path().join("data");
        let mut initdb = command("initdb", user);
        initdb.args(["--auth", "trust", "--username", "postgres", "--no-sync", "--pgdata"]);
        let made = initdb.arg(&data).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let server = command("postgres", user)
            .arg("-D")
            .arg(&data)
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=60", "-k"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let postgres = Self { server, folder };
        postgres.await_socket();
        postgres
    }

    /// The address of its first database.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@localhost/postgres?host={}", self.folder.path().display())
    }

    fn await_socket(&self) {
        let began = Instant::now();
        let ready = || {
            let ping = command("pg_isready", None).arg("-h").arg(self.folder.path()).output();
            ping.unwrap().status.success()
        };
        while !ready() {
            assert!(began.elapsed() < Duration::from_secs(30), "Postgres does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let quit = Command::new("kill").args(["-QUIT", &self.server.id().to_string()]).status();
        if !quit.is_ok_and(|status| status.success()) {
            let _ = self.server.kill();
        }
        let _ = self.server.wait();
    }
}

fn command(program: &str, user: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(programs().join(program));
    command.env("LC_ALL", "C").current_dir("/").stdin(Stdio::null()).stdout(Stdio::piped());
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}

/// The newest installed ones.
fn programs() -> PathBuf {
    let installed = std::fs::read_dir("/usr/lib/postgresql").expect("Postgres is installed");
    let version = |path: &PathBuf| -> u32 {
        path.file_name().and_then(|name| name.to_str()?.parse().ok()).unwrap_or(0)
    };
    let newest = installed.map(|entry| entry.unwrap().path()).max_by_key(version);
    newest.expect("Postgres is installed").join("bin")
}

/// `postgres`' ids when this is root.
fn unprivileged() -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt;
    let root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    root.then(|| {
        let users = std::fs::read_to_string(Path::new("/etc/passwd")).unwrap();
        let line = users.lines().find(|line| line.starts_with("postgres:")).unwrap();
        let mut ids = line.split(':').skip(2).map(|id| id.parse().unwrap());
        (ids.next().unwrap(), ids.next().unwrap())
    })
}
