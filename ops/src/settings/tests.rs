use clap::CommandFactory as _;

use super::*;
use crate::cli::Cli;

fn configured(text: &str) -> anyhow::Result<Configured> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("netfold.toml");
    std::fs::write(&file, text).unwrap();
    Configured::new(Cli::command(), &["netfold".into(), "--config".into(), file.into()])
}

fn refused(text: &str) -> String {
    format!("{:#}", configured(text).unwrap_err())
}

fn value(configured: &Configured, words: &[&str], name: &str) -> (Option<String>, Origin) {
    let matches = configured.command.clone().try_get_matches_from(words).unwrap();
    let settings = configured.settings(&matches);
    let found = settings.iter().find(|setting| setting.name == name).unwrap();
    (found.value.clone(), found.origin)
}

/// A table of a command goes before what stands outside of it, a flag before both; a required option may stand
/// in the file alone, a secret is not shown, and another command is not touched.
#[test]
fn nearer_values_go_first() {
    let configured = configured(
        r#"
        listen = "127.0.0.1:1"
        database-url = "postgres://secret@nowhere/"
        seal-every = 5
        [api]
        listen = "127.0.0.1:2"
        [bench.proof]
        steps = [2, 3]
        json = true
        "#,
    )
    .unwrap();
    let text = |text: &str| Some(text.to_owned());
    let check =
        |words: &[&str], name, expected| assert_eq!(value(&configured, words, name), expected);
    let api = ["netfold", "api"];
    check(&api, "listen", (text("127.0.0.1:2"), Origin::File));
    check(&["netfold", "up"], "listen", (text("127.0.0.1:1"), Origin::File));
    let flag = ["netfold", "api", "--listen", "127.0.0.1:3"];
    check(&flag, "listen", (text("127.0.0.1:3"), Origin::Flag));
    check(&api, "seal-every", (text("5"), Origin::File));
    check(&api, "access", (text("public-read"), Origin::Default));
    check(&api, "read-url", (text(""), Origin::Unset));
    // Where from is for the environment of whoever tests to say.
    assert_eq!(value(&configured, &api, "database-url").0, None);
    let bench = ["netfold", "bench", "proof"];
    check(&bench, "steps", (text("2,3"), Origin::File));
    check(&bench, "json", (text("true"), Origin::File));
    check(&["netfold", "bench", "circuit"], "json", (text("false"), Origin::Default));
}

/// What is no option of the command, or no value of one, is refused by its name.
#[test]
fn what_is_no_option_is_refused() {
    for (text, told) in [
        ("lisen = 1", "there is no option lisen"),
        ("[api]\nstate = \"x\"", "there is no option api.state"),
        ("[apy]", "there is no command apy"),
        ("[bench.prof]", "there is no command bench.prof"),
        ("config = \"other.toml\"", "there is no option config"),
        ("help = true", "there is no option help"),
        ("log-json = 1", "log-json: it is true or false"),
        ("url = [\"a\"]", "url: it is a text or a whole number"),
        ("url = 1.5", "url: it is a text or a whole number"),
        ("url", "is no TOML"),
    ] {
        let said = refused(text);
        assert!(said.contains(told), "{text}: {said}");
        assert!(said.contains("netfold.toml"), "{said}");
    }
}

/// A value of the file that an option on the command line excludes is told, not preferred.
#[test]
fn the_file_does_not_beat_a_flag_that_excludes_it() {
    let check = |text: &str, words: &[&str]| {
        let configured = configured(text).unwrap();
        let matches = configured.command.clone().try_get_matches_from(words).unwrap();
        configured.check(&matches).map_err(|error| error.to_string())
    };
    let excluded = |given: &str, against: &str| {
        Err(format!("--{given} excludes {against}, which the configuration file has"))
    };
    let quiet = "[up]\nno-scenario = true";
    assert_eq!(check(quiet, &["netfold", "up", "--once"]), excluded("once", "no-scenario"));
    let scenario = ["netfold", "up", "--scenario", "x.toml"];
    assert_eq!(check(quiet, &scenario), excluded("scenario", "no-scenario"));
    assert_eq!(check("[up]\nno-scenario = false", &scenario), Ok(()));
    assert_eq!(check(quiet, &["netfold", "up"]), Ok(()));
    let word = "[sign]\ndomain-word = \"0x1\"";
    let sign = ["netfold", "sign", "--key", "k", "--url", "http://localhost"];
    assert_eq!(check(word, &sign), excluded("url", "domain-word"));
}

/// A fault of form says where it is, not what stands there.
#[test]
fn a_secret_that_is_no_toml_is_not_shown() {
    let said = refused("listen = \"127.0.0.1:1\"\nl1-private-key = 0xac0974zz\n");
    assert!(said.contains("line 2") && !said.contains("ac0974"), "{said}");
}

/// The file is looked for among the program's own words only.
#[test]
fn the_file_is_named_once() {
    let named = |words: &[&str]| {
        let words = words.iter().map(OsString::from).collect::<Vec<_>>();
        named(&words).map(|file| file.display().to_string())
    };
    assert_eq!(named(&["netfold", "api", "--config", "a"]), Some("a".to_owned()));
    assert_eq!(named(&["netfold", "--config=b", "api"]), Some("b".to_owned()));
    assert_eq!(named(&["netfold", "postgres", "--", "x", "--config", "c"]), None);
    assert_eq!(named(&["netfold", "api"]), None);
}
