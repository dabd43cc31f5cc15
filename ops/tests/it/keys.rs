//! `netfold key`, and an api that asks for what it makes.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStderr, Stdio};

use crate::command::{fail, last_json, netfold, succeed};
use crate::server::Server;

/// A running `netfold api`.
pub(crate) struct Api {
    child: Child,
    pub(crate) url: String,
    /// Held open: the api logs to it.
    _log: BufReader<ChildStderr>,
}

impl Api {
    /// As an operator starts it who has read nothing of keys.
    fn start(database: &str) -> Self {
        Self::start_with(database, &[])
    }

    pub(crate) fn start_with(database: &str, variables: &[(&str, &str)]) -> Self {
        let mut command = netfold(&["api", "--database-url", database, "--listen", "127.0.0.1:0"]);
        command.envs(variables.iter().copied());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        log.read_line(&mut said).unwrap();
        let (_, url) = said.trim().split_once("The page is at ").unwrap();
        Self { child, url: url.to_owned(), _log: log }
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A key is shown when it is made and never again, opens what it is for at an api that was told nothing, and
/// nothing any more once it is revoked.
#[test]
fn keys_are_made_used_and_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let key = |arguments: &[&str]| {
        let mut command = netfold(&[&["key"], arguments].concat());
        command.env("DATABASE_URL", &server.url);
        command
    };
    succeed(netfold(&["migrate"]).env("DATABASE_URL", &server.url));
    let add = ["add", "--name", "the operator", "--scope", "operate", "--scope", "read"];
    let made = last_json(&succeed(&mut key(&[&add[..], &["--json"]].concat())));
    let (secret, id) = (made["key"].as_str().unwrap(), made["id"].as_str().unwrap());
    assert_eq!(made["scopes"], serde_json::json!(["read", "operate"]));
    assert!(secret.starts_with(&format!("nf_{id}_")), "{made}");
    let plain = succeed(&mut key(&["add", "--name", "one", "--scope", "submit:1"]));
    assert!(plain.starts_with("nf_") && plain.lines().count() == 1, "{plain}");
    let listed = succeed(&mut key(&["list"]));
    assert!(listed.contains(&format!("{id}  good     read operate  the operator")), "{listed}");
    assert!(!listed.contains(secret) && !listed.contains(plain.trim()), "{listed}");

    let api = Api::start(&server.url);
    let seal = |key: &str| {
        let mut command = netfold(&["epoch", "seal", "--url", &api.url]);
        command.env("NETFOLD_API_KEY", key);
        fail(&mut command)
    };
    // The ledger is bound to nothing here: whoever may ask is told that.
    assert!(seal(secret).contains("domain_not_adopted"), "{}", seal(secret));
    assert!(seal(plain.trim()).contains("scope_missing"));
    let said = fail(&mut netfold(&["epoch", "seal", "--url", &api.url]));
    assert!(said.contains("api_key_missing"), "{said}");
    let said = seal("a typo of mine");
    assert!(said.contains("begins with nf_") && !said.contains("typo"), "{said}");

    let revoked = last_json(&succeed(&mut key(&["revoke", "--json", id])));
    assert!(revoked["revoked_at"].is_string(), "{revoked}");
    assert!(succeed(&mut key(&["list"])).contains(&format!("{id}  revoked")));
    let said = fail(&mut key(&["revoke", "0123456789abcdef"]));
    assert!(said.contains("there is no api key 0123456789abcdef"), "{said}");
}
