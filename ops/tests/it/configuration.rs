//! Where options come from, and what a program may count on: exit codes, completions, a log that nobody reads.

use std::process::Stdio;

use serde_json::Value;

use crate::command::{last_json, netfold, path, said, succeed};
use crate::server::Server;

/// A flag goes before the environment, that before the file, that before the default, and each says so; what
/// is no option is refused by its name, with the exit code of what was asked wrongly; a secret is not shown.
#[test]
fn each_value_says_where_it_comes_from() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("netfold.toml");
    let text = "seal-every = 5\nlisten = \"127.0.0.1:1\"\ndatabase-url = \"postgres://hidden\"\n\
        [api]\ntrusted-proxy = [\"127.0.0.1\", \"10.0.0.0/8\"]\n";
    std::fs::write(&file, text).unwrap();
    let shown = |words: &[&str]| {
        let mut command = netfold(&["config", "show", "--json", "api"]);
        command.args(words).env("NETFOLD_CONFIG", &file).env("NETFOLD_ACCESS", "keys");
        let shown = last_json(&succeed(&mut command));
        assert!(!shown.to_string().contains("hidden"), "{shown}");
        shown
    };
    let told = |shown: &Value, name: &str| {
        let settings = shown.as_array().unwrap();
        let setting = settings.iter().find(|setting| setting["option"] == name);
        setting.unwrap_or_else(|| panic!("no {name} in {shown}")).clone()
    };
    let without = shown(&[]);
    for (name, value, from) in [
        ("seal-every", "5", "file"),
        ("listen", "127.0.0.1:1", "file"),
        ("access", "keys", "environment"),
        ("trusted-proxy", "127.0.0.1,10.0.0.0/8", "file"),
        ("rate-reads", "100", "default"),
        ("log", "warn", "default"),
    ] {
        let setting = told(&without, name);
        assert_eq!(setting["value"], value, "{setting}");
        assert!(setting["origin"] == from, "{setting}");
    }
    let setting = told(&shown(&["--access", "open"]), "access");
    assert_eq!((&setting["value"], &setting["origin"]), (&"open".into(), &"flag".into()));
    let help = succeed(netfold(&["api", "--help"]).env("NETFOLD_CONFIG", &file));
    assert!(!help.contains("hidden"), "{help}");
    std::fs::write(&file, "lisen = 1").unwrap();
    let output = netfold(&["config", "show", "--config", path(&file)]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).1.contains("there is no option lisen"), "{}", said(&output).1);
}

/// Every shell that clap knows is told of every command.
#[test]
fn shells_complete_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = succeed(&mut netfold(&["completions", shell]));
        for word in ["receipt", "trust", "prover", "exit-kit"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}

/// A log that nobody reads any more keeps nothing from being done.
#[test]
fn a_closed_stderr_is_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let mut command = netfold(&["--log", "trace", "migrate"]);
    command.env("DATABASE_URL", &server.url).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stderr.take());
    assert!(child.wait().unwrap().success());
}
