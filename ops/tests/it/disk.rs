//! A disk that is full: the kernel's own refusal, on a small filesystem in memory.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::command::{last_json, netfold, path, proving_turn};
use crate::scenarios;

/// In a mount namespace, so that the filesystem goes with the processes: fills it up when told to by
/// a line on stdin, and makes room at the next one.
const SCRIPT: &str = r#"
folder=$1; shift
mount -t tmpfs -o size=256m,mode=0755 netfold "$folder" || exit 99
"$@" &
read -r _; cat /dev/zero >"$folder/filler" 2>/dev/null
read -r _; rm "$folder/filler"
wait $!
"#;

/// While the disk is full the engine says so and what to do, and waits; once there is room the same
/// process goes on to the end, and nothing was lost.
#[test]
fn a_full_disk_is_waited_for() {
    let _turn = proving_turn();
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let disk = folder.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let scenario = scenarios::small(folder.path());
    let up = netfold(&["up", "--once", "--json", "--state"]);
    let mut command = in_a_namespace();
    command.args(["sh", "-c", SCRIPT, "sh", path(&disk)]);
    command.arg(up.get_program()).args(up.get_args()).arg(disk.join("state"));
    command.args(["--scenario", path(&scenario)]);
    for (name, value) in up.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.env("NETFOLD_LOG", "info");
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = command.spawn().unwrap();
    let mut tell = running.stdin.take().unwrap();
    let mut said = BufReader::new(running.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut heard = String::new();
    let mut hear = |words: &str| {
        for line in said.by_ref() {
            heard.push_str(&line);
            heard.push('\n');
            if line.contains(words) {
                return;
            }
        }
        panic!("never said {words:?} (99 is a mount that was refused): {heard}");
    };
    // From here on the engine writes alone: the scenario waits for the settlement.
    hear("Sealed {");
    writeln!(tell).unwrap();
    hear("no space is left on the database's disk: free some; nothing was lost");
    writeln!(tell).unwrap();
    let rest = std::thread::spawn(move || said.collect::<Vec<_>>().join("\n"));
    let mut stdout = String::new();
    running.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    let ended = running.wait().unwrap();
    let rest = rest.join().unwrap();
    assert!(ended.success(), "{ended}: {heard}{rest}");
    let summary = last_json(&stdout);
    assert_eq!((&summary["drift"], &summary["claims_paid"]), (&0.into(), &3.into()), "{summary}");
}

/// Root may mount; anybody else may in a user namespace of their own, where the system allows it.
fn in_a_namespace() -> Command {
    let mut command = Command::new("unshare");
    command.arg("--mount");
    if Path::new("/proc/self").metadata().unwrap().uid() != 0 {
        command.args(["--user", "--map-current-user", "--keep-caps"]);
    }
    command
}
