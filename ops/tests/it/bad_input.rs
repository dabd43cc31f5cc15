//! What is wrong around the command is told in a sentence that says what to do, and nothing else is
//! done.

use crate::command::{fail, netfold, path};
use crate::l1::Node;

/// A database that is not there.
const NO_DATABASE: &str = "postgres://netfold@127.0.0.1:1/netfold";

/// An engine that dies on purpose is for development chains alone, whoever starts it; nothing is
/// touched before that is known.
#[test]
fn a_drill_on_a_real_chain() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(10, folder.path());
    let up = ["up", "--no-scenario", "--state", path(folder.path()), "--listen", "127.0.0.1:0"];
    for command in [&up[..], &["engine"]] {
        let mut command = netfold(command);
        command.args(["--l1-rpc-url", &node.url, "--database-url", NO_DATABASE]);
        let said = fail(command.args(["--crash-at", "Sent"]));
        assert!(said.contains("--crash-at is for development chains"), "{command:?}: {said}");
        assert!(said.contains("this is chain 10: leave it out"), "{command:?}: {said}");
    }
}
