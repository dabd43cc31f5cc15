//! A Postgres for tests: the server of `DATABASE_URL`, or else a private one.
//!
//! The private one belongs to this process: its own data directory and socket under the temporary
//! folder, no network address. It ends, and its folder goes, when the process does, however that
//! happens: a shell in between waits for the pipe that only the process holds open. Under a runner
//! with one process per test each gets a server of its own, which takes about a second.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

struct Server {
    url: String,
    /// Holds the pipe: dropped by the end of the process and not before.
    _guard: Option<Child>,
}

/// The address of a database on the server, from which others can be created.
pub(crate) fn url() -> &'static str {
    static SERVER: OnceLock<Server> = OnceLock::new();
    &SERVER
        .get_or_init(|| match std::env::var("DATABASE_URL") {
            Ok(url) if !url.is_empty() => Server { url, _guard: None },
            _ => start(),
        })
        .url
}

fn start() -> Server {
    let programs = programs();
    let folder = std::env::temp_dir().join(format!("netfold-ledger-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder).unwrap();
    let user = unprivileged_user();
    if let Some((uid, gid)) = user {
        std::os::unix::fs::chown(&folder, Some(uid), Some(gid)).unwrap();
    }
    let shell = |script: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh"]).arg(&programs).arg(&folder);
        command.current_dir("/").process_group(0).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some((uid, gid)) = user {
            command.uid(uid).gid(gid);
        }
        command
    };
    let made = shell(INITIALISE).stdin(Stdio::null()).status().unwrap();
    assert!(made.success(), "initdb failed in {}", folder.display());
    let guard = shell(SERVE).stdin(Stdio::piped()).spawn().unwrap();
    await_ready(&folder);
    let url = format!("postgres://netfold@localhost/postgres?host={}", folder.display());
    Server { url, _guard: Some(guard) }
}

const INITIALISE: &str = r#"exec "$1/initdb" --pgdata "$2/data" --username netfold --auth trust \
    --encoding UTF8 --locale C --no-sync --no-instructions"#;

/// Tests ask nothing of the disk: the server is gone after them.
const SERVE: &str = r#"
"$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= -c port=5432 -c max_connections=200 \
    -c fsync=off -c full_page_writes=off -c synchronous_commit=off &
server=$!
cat > /dev/null
kill -QUIT $server
wait $server
rm -rf "$2"
"#;

fn await_ready(folder: &Path) {
    let began = Instant::now();
    let pid_file = folder.join("data/postmaster.pid");
    loop {
        let status = std::fs::read_to_string(&pid_file).unwrap_or_default();
        if status.lines().nth(7).is_some_and(|line| line.trim() == "ready") {
            return;
        }
        assert!(began.elapsed() < Duration::from_mins(1), "postgres does not start");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The newest installed server programs.
fn programs() -> PathBuf {
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let major = entry.file_name().to_string_lossy().parse().ok()?;
            Some((major, entry.path().join("bin")))
        })
        .filter(|(_, folder)| folder.join("postgres").exists())
        .collect();
    found.sort();
    let (_, folder) = found.pop().expect("install postgresql, or set DATABASE_URL");
    folder
}

/// Postgres refuses to run as root: then it runs as `postgres`, or as `nobody`.
fn unprivileged_user() -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt;
    let root = std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    if !root {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let ids = |name: &str| {
        users.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            (fields.first() == Some(&name))
                .then(|| Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?)))?
        })
    };
    ids("postgres").or_else(|| ids("nobody"))
}
