//! A database of its own for each test.

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A database that is gone when it is dropped.
pub(crate) struct Database {
    pub(crate) url: String,
    server: Server,
}

enum Server {
    /// A cluster of its own in a temporary folder, and its process.
    Private { process: Child, _folder: tempfile::TempDir },
    /// The server that `DATABASE_URL` names; the database is removed by [`Database::remove`].
    Given { url: String, name: String },
}

impl Database {
    /// A new database with the ledger's schema.
    pub(crate) async fn new(name: &str) -> Self {
        let database = match std::env::var("DATABASE_URL") {
            Ok(url) => {
                let name = format!("api_{name}_{}", std::process::id());
                let made = ledger::database::create(&url, &name).await.unwrap();
                Self { url: made, server: Server::Given { url, name } }
            }
            Err(_) => Self::private(),
        };
        ledger::Ledger::migrate(&database.url).await.unwrap();
        database
    }

    fn private() -> Self {
        let folder = tempfile::Builder::new().prefix("api-pg-").tempdir_in("/tmp").unwrap();
        let path = folder.path();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
        let data = path.join("data");
        let made = unprivileged(&tool("initdb"))
            .args(["--auth=trust", "--username=postgres", "--no-sync", "-D"])
            .arg(&data)
            .stdout(Stdio::null())
            .status();
        assert!(made.unwrap().success(), "initdb failed");
        let process = unprivileged(&tool("postgres"))
            .arg("-D")
            .arg(&data)
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-k"])
            .arg(path)
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(path.join("log")).unwrap())
            .spawn()
            .unwrap();
        let socket = path.join(".s.PGSQL.5432");
        let start = Instant::now();
        while !socket.exists() || !data.join("postmaster.pid").exists() || !ready(path) {
            assert!(start.elapsed() < Duration::from_mins(1), "postgres does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        let url = format!("postgres://postgres@localhost/postgres?host={}", path.display());
        Self { url, server: Server::Private { process, _folder: folder } }
    }

    /// Everything in it, as text: to compare before and after.
    pub(crate) fn dump(&self) -> String {
        let dump = Command::new(tool("pg_dump"))
            .args(["--data-only", "--inserts", "--dbname"])
            .arg(&self.url)
            .output()
            .unwrap();
        assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
        // These two carry a new random key each time.
        let changes =
            |line: &&str| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict");
        String::from_utf8(dump.stdout)
            .unwrap()
            .lines()
            .filter(changes)
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Ends the server as a crash would.
    pub(crate) fn stop(&mut self) {
        match &mut self.server {
            Server::Private { process, .. } => {
                quit(process);
            }
            Server::Given { .. } => panic!("a given server is not ours to stop"),
        }
    }

    /// Whether its server is ours to stop.
    pub(crate) fn is_private(&self) -> bool {
        matches!(self.server, Server::Private { .. })
    }

    /// Removes it from a server that is not ours.
    pub(crate) async fn remove(self) {
        if let Server::Given { url, name } = &self.server {
            ledger::database::remove(url, name).await.unwrap();
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Server::Private { process, .. } = &mut self.server {
            quit(process);
        }
    }
}

/// Immediate shutdown: the cluster is thrown away.
fn quit(process: &mut Child) {
    if !matches!(process.try_wait(), Ok(None)) {
        return;
    }
    let _sent = Command::new("kill").args(["-QUIT", &process.id().to_string()]).status();
    let _ended = process.wait();
}

fn ready(socket_folder: &Path) -> bool {
    let status = Command::new(tool("pg_isready")).arg("-q").arg("-h").arg(socket_folder).status();
    status.unwrap().success()
}

/// A program of the newest installed Postgres.
fn tool(name: &str) -> PathBuf {
    let mut homes = std::fs::read_dir("/usr/lib/postgresql")
        .expect("no Postgres is installed: apt-get install -y postgresql, or set DATABASE_URL")
        .map(|home| home.unwrap().path())
        .collect::<Vec<_>>();
    homes.sort_by_key(|home| {
        home.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()).unwrap_or(0)
    });
    homes.last().expect("no Postgres is installed").join("bin").join(name)
}

/// Postgres refuses to run as root; and it must not outlive the test that started it.
fn unprivileged(program: &Path) -> Command {
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "QUIT"]);
    if is_root {
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
    }
    command.arg(program);
    command
}
