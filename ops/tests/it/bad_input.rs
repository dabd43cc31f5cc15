//! What is wrong around the command is told in a sentence that says what to do, and nothing else is
//! done.

use std::net::TcpListener;

use crate::command::{fail, netfold, path, succeed};
use crate::l1::Node;
use crate::server::Server;

/// An address at which nobody listens, and a database that is not there.
const NOWHERE: &str = "http://127.0.0.1:1";
const NO_DATABASE: &str = "postgres://netfold@127.0.0.1:1/netfold";

/// A wrong password is named by every command that takes a database, and never quoted.
#[test]
fn a_wrong_password() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    server.demand_password("right-one");
    let wrong = server.url_with("wrong-one");
    let state = folder.path().join("state");
    let free = ["--listen", "127.0.0.1:0"];
    let up = ["up", "--no-scenario", "--state", path(&state), "--l1-rpc-url", NOWHERE];
    for command in [
        vec!["migrate"],
        [&["api"], &free[..]].concat(),
        vec!["engine", "--l1-rpc-url", NOWHERE],
        vec!["audit", "--ledger-only"],
        [&up[..], &free].concat(),
    ] {
        let said = fail(netfold(&command).args(["--database-url", &wrong]));
        assert!(said.contains("check DATABASE_URL and its password"), "{command:?}: {said}");
        assert!(said.contains("postgres refuses the login"), "{command:?}: {said}");
        assert!(!said.contains("wrong-one"), "{command:?}: {said}");
    }
    // So the password was all that was wrong.
    succeed(netfold(&["migrate", "--database-url"]).arg(server.url_with("right-one")));
}

/// A database that belongs to one chain is not used with another: both ids are told, and a folder
/// of parameters that is none is named too.
#[test]
fn another_chain() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let no_folder = folder.path().join("file");
    std::fs::write(&no_folder, "").unwrap();
    let engine = |node: &Node| {
        let mut command = netfold(&["engine", "--database-url", &server.url]);
        command.args(["--l1-rpc-url", &node.url, "--params", path(&no_folder)]);
        fail(&mut command)
    };
    succeed(&mut netfold(&["migrate", "--database-url", &server.url]));
    let first = Node::start(31337, folder.path());
    let said = engine(&first);
    assert!(said.contains(&format!("the proving parameters in {}", path(&no_folder))), "{said}");
    let second = Node::start(1337, folder.path());
    let said = engine(&second);
    assert!(said.contains("belongs to chain 31337, the L1 node serves chain 1337"), "{said}");
    assert!(said.contains("name the right node, or use another database"), "{said}");
    // The right id and none of its blocks: a development chain that was started anew.
    drop(first);
    let reset = Node::start(31337, folder.path());
    let said = engine(&reset);
    assert!(said.contains("this L1 was reset"), "{said}");
    assert!(said.contains("name the L1 that has it, or use another database"), "{said}");
}

/// A taken address of the api is known before anything else is tried.
#[test]
fn a_taken_listen_address() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let listen = ["--listen", &address, "--database-url", NO_DATABASE];
    let up = ["up", "--no-scenario", "--state", path(folder.path()), "--l1-rpc-url", NOWHERE];
    for command in [&up[..], &["api"]] {
        let said = fail(netfold(command).args(listen));
        assert!(said.contains(&format!("could not listen on {address}")), "{command:?}: {said}");
        assert!(said.contains("or choose another --listen"), "{command:?}: {said}");
    }
}

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
