//! `netfold webhook`, against a running api.

use crate::command::{fail, last_json, netfold, succeed};
use crate::keys::Api;
use crate::server::Server;

/// A webhook is added with its secret, which is shown this once, is listed, resumed and revoked, by whoever may operate;
/// what is refused says why and what to do.
#[test]
fn webhooks_are_added_listed_and_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    succeed(netfold(&["migrate"]).env("DATABASE_URL", &server.url));
    let key = |scope: &str| {
        let mut command = netfold(&["key", "add", "--name", "one", "--scope", scope]);
        succeed(command.env("DATABASE_URL", &server.url)).trim().to_owned()
    };
    let (operator, reader) = (key("operate"), key("read"));
    let secret = ("NETFOLD_WEBHOOK_SECRET", "a secret of the test's own, of 32 and more");
    let api = Api::start_with(&server.url, &[secret, ("NETFOLD_WEBHOOK_REACH", "loopback")]);
    let webhook = |arguments: &[&str]| {
        let mut command = netfold(&[&["webhook"], arguments].concat());
        command.env("NETFOLD_URL", &api.url).env("NETFOLD_API_KEY", &operator);
        command
    };
    let listed = succeed(&mut webhook(&["list"]));
    assert!(listed.is_empty(), "{listed}");
    let address = "http://127.0.0.1:9/hook";
    let add = ["add", address, "--event", "epoch_settled", "--event", "batch_posted", "--json"];
    let added = last_json(&succeed(&mut webhook(&add)));
    assert_eq!(added["events"].as_array().map(Vec::len), Some(2), "{added}");
    let (id, secret) = (added["id"].as_str().unwrap(), added["secret"].as_str().unwrap());
    assert!(secret.starts_with("whsec_"), "{added}");
    let plain = succeed(&mut webhook(&["add", address, "--after", "0"]));
    assert!(plain.starts_with("whsec_") && plain.lines().count() == 1, "{plain}");
    let listed = succeed(&mut webhook(&["list"]));
    assert_eq!(listed.lines().count(), 3, "{listed}");
    assert!(listed.contains(id) && listed.contains("batch_posted,epoch_settled"), "{listed}");
    assert!(!listed.contains("whsec_"), "{listed}");
    let resumed = last_json(&succeed(&mut webhook(&["resume", id, "--json"])));
    assert_eq!(resumed["state"], "delivering", "{resumed}");
    let revoked = succeed(&mut webhook(&["revoke", id]));
    assert!(revoked.contains(id) && revoked.contains("revoked"), "{revoked}");
    let listed = last_json(&succeed(&mut webhook(&["list", "--json"])));
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1), "{listed}");

    for (arguments, said) in [
        (&["add", "http://10.0.0.1/"][..], "invalid_value (400"),
        (&["add", address, "--after", "99"], "event_not_reached (409"),
        (&["resume", "00000000000000ff"], "webhook_not_found (404"),
    ] {
        let told = fail(&mut webhook(arguments));
        assert!(told.contains(said), "{told}");
    }
    let told = fail(webhook(&["list"]).env("NETFOLD_API_KEY", &reader));
    assert!(told.contains("scope_missing (403"), "{told}");
    let output = webhook(&["add", address, "--event", "anything"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let off = Api::start_with(&server.url, &[]);
    let told = fail(webhook(&["add", address]).env("NETFOLD_URL", &off.url));
    assert!(
        told.contains("webhooks_off (409") && told.contains("NETFOLD_WEBHOOK_SECRET"),
        "{told}"
    );
}
