//! A bridge operator's day with the small commands, against a running api.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::browser::read_json;
use crate::command::{Up, fail, last_json, netfold, path, proving_turn, succeed};
use crate::l1::{FUNDED, Node};
use crate::scenarios;

/// One transfer and one exit of what rollup 1 has received.
const BATCH: &str = r#"{
    "rollup": 1,
    "new_root": "0x1111111111111111111111111111111111111111111111111111111111111111",
    "transfers": [{"to": 2, "asset": 1, "amount": "0.0001",
                   "recipient": "0x31bc2a964c8cc585ef366e225ea3a5e2a352c287"}],
    "exits": [{"asset": 1, "amount": "0.0002",
               "recipient": "0x5561134ff5b24700d1f8d45fc59f73d023effeb2"}]
}"#;

/// The exit of that batch: the scenario has sent one before.
const EXIT: [&str; 2] = ["1", "1"];

/// The private key of who owns the contract on a development chain: the first account's, which is public.
const OWNER: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

struct Operator {
    folder: PathBuf,
    url: String,
    l1: String,
}

/// A batch is signed with what the api knows, posted, sealed and its exit claimed, each once; what is
/// wrong at each step is refused in a sentence and changes nothing.
#[test]
fn sign_submit_seal_claim() {
    let _turn = proving_turn();
    let folder = tempfile::tempdir().unwrap();
    let scenario = scenarios::small(folder.path());
    let node = Node::start(31337, folder.path());
    let state = folder.path().join("state");
    let up = ["up", "--state", path(&state), "--listen", "127.0.0.1:0", "--l1-rpc-url", &node.url];
    let running = Up::start(&[&up[..], &["--scenario", path(&scenario)]].concat());
    let operator = Operator {
        folder: folder.path().to_owned(),
        url: running.url.clone(),
        l1: node.url.clone(),
    };
    let signed = operator.sign();
    let told = operator.webhook();
    operator.submit(&signed);
    told.recv_timeout(Duration::from_secs(30)).expect("the webhook is told of the batch");
    operator.seal();
    operator.register();
    operator.evidence();
    operator.another_node();
    operator.claim();
    running.end();
}

impl Operator {
    fn sign(&self) -> PathBuf {
        let batch = self.file("batch.json", BATCH);
        let strange = self.file("strange.json", &BATCH.replace("\"rollup\": 1", "\"rollup\": 9"));
        let said = fail(&mut self.sign_as(1, &strange));
        assert!(said.contains("rollup_not_found"), "{said}");
        let said = fail(self.sign_as(1, &batch).env("NETFOLD_URL", "http://127.0.0.1:1"));
        assert!(said.contains("is netfold up there?"), "{said}");
        let finer = self.file("finer.json", &BATCH.replace("0.0001", "0.0000000000000000001"));
        let said = fail(&mut self.sign_as(1, &finer));
        assert!(said.contains("decimal"), "{said}");
        let signed = succeed(&mut self.sign_as(1, &batch));
        self.file("signed.json", &signed)
    }

    /// On this machine a webhook is told with nothing configured.
    fn webhook(&self) -> Receiver<()> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/hook", listener.local_addr().unwrap());
        let add = ["webhook", "add", &address, "--event", "batch_posted"];
        assert!(succeed(&mut self.netfold(&add)).starts_with("whsec_"));
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let mut head = [0; 4096];
            let length = connection.read(&mut head).unwrap();
            assert!(head[..length].starts_with(b"POST /hook HTTP/1.1\r\n"));
            connection.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
            tell.send(()).unwrap();
        });
        told
    }

    fn submit(&self, signed: &Path) {
        let foreign = succeed(&mut self.sign_as(2, &self.folder.join("batch.json")));
        let foreign = self.file("foreign.json", &foreign);
        let said = fail(&mut self.netfold(&["submit", path(&foreign)]));
        assert!(said.contains("signature_invalid (403"), "{said}");
        let text = std::fs::read_to_string(signed).unwrap();
        let altered = self.file("altered.json", &text.replacen("0.0001", "0.0003", 1));
        let said = fail(&mut self.netfold(&["submit", path(&altered)]));
        assert!(said.contains("POST /v1/batches: ") && said.contains("(422"), "{said}");
        let said = fail(&mut self.netfold(&["submit", path(&self.folder.join("batch.json"))]));
        assert!(said.contains("missing_field (400"), "{said}");
        let first = last_json(&succeed(&mut self.netfold(&["submit", path(signed)])));
        let again = last_json(&succeed(&mut self.netfold(&["submit", path(signed)])));
        assert_eq!(first["block"], again["block"], "{first} {again}");
        assert_eq!(self.exit()["status"], "open");
    }

    fn seal(&self) {
        let said = fail(&mut self.claim_with(&self.l1, FUNDED));
        assert!(said.contains("exit 1/1 is open: only an exit of a settled epoch"), "{said}");
        let sealing = last_json(&succeed(&mut self.netfold(&["epoch", "seal"])));
        assert!(sealing.is_object(), "{sealing}");
        self.await_status("claimable");
    }

    /// A rollup and an asset are added while the epoch is proven; what is there already is refused.
    fn register(&self) {
        let key = self.folder.join("new.key");
        succeed(&mut netfold(&["keygen", path(&key)]));
        let add = |arguments: &[&str]| {
            let mut command = self.netfold(arguments);
            command.args(["--l1-rpc-url", &self.l1, "--json"]).env("L1_PRIVATE_KEY", OWNER);
            command
        };
        let added = last_json(&succeed(&mut add(&["rollup", "add", "--key", path(&key)])));
        assert_eq!(added["rollup"], Value::from(4), "{added}");
        let said = fail(&mut add(&["rollup", "add", "--key", path(&key)]));
        assert!(said.contains("rollup 4 is registered with this key"), "{said}");
        let said = fail(&mut add(&["asset", "add", "ether"]));
        assert!(said.contains("the token is registered as asset 1"), "{said}");
        let mut stranger = add(&["rollup", "add", "--key", path(&key)]);
        fail(stranger.env("L1_PRIVATE_KEY", FUNDED));
        let listed = succeed(&mut self.netfold(&["rollup", "list"]));
        assert_eq!(listed.lines().count(), 5, "{listed}");
        let listed = last_json(&succeed(&mut self.netfold(&["asset", "list", "--json"])));
        assert_eq!(listed["items"][0]["asset"], Value::from(1), "{listed}");

        // Each revoked once, by the owner alone; L1 tells it.
        let said = fail(add(&["rollup", "revoke", "4"]).env("L1_PRIVATE_KEY", FUNDED));
        assert!(said.contains("the contract's owner is"), "{said}");
        let said = fail(&mut add(&["asset", "revoke", "4"]));
        assert!(said.contains("there is no asset 4"), "{said}");
        let rollups = [false, false, false, true];
        for (kind, id, rollups, assets) in
            [("rollup", "4", rollups, [false]), ("asset", "1", rollups, [true])]
        {
            let revoked = last_json(&succeed(&mut add(&[kind, "revoke", id])));
            assert!(revoked["tx_hash"].is_string(), "{revoked}");
            assert_eq!(revoked[kind].as_u64(), id.parse().ok(), "{revoked}");
            let said = fail(&mut add(&[kind, "revoke", id]));
            assert!(said.contains(&format!("{kind} {id} is revoked already")), "{said}");
            assert_eq!(self.revoked("rollup"), rollups);
            assert_eq!(self.revoked("asset"), assets);
        }
    }

    /// What L1 takes no deposit for, in the order of the list.
    fn revoked(&self, kind: &str) -> Vec<bool> {
        let list = [kind, "list", "--json", "--l1-rpc-url", &self.l1];
        let listed = last_json(&succeed(&mut self.netfold(&list)));
        let items = listed["items"].as_array().unwrap();
        items.iter().map(|item| item["revoked"].as_bool().unwrap()).collect()
    }

    /// A settled exit proves itself from a file, and what is altered does not; the deployment says what is to
    /// be believed.
    fn evidence(&self) {
        self.await_status("claimable");
        let receipt = self.folder.join("exit.receipt.json");
        succeed(&mut self.netfold(&["receipt", EXIT[0], EXIT[1], "--out", path(&receipt)]));
        let verify = |file: &Path| netfold(&["verify", path(file)]);
        let proven = succeed(&mut verify(&receipt));
        let asked = succeed(verify(&receipt).args(["--l1-rpc-url", &self.l1]));
        assert_ne!(proven, asked);
        let text = std::fs::read_to_string(&receipt).unwrap();
        let altered = self.file("altered.receipt.json", &text.replacen("\"0.0002", "\"0.0003", 1));
        let said = fail(&mut verify(&altered));
        assert!(said.contains("REFUSED"), "{said}");
        let kit = self.kit();
        let kept = last_json(&succeed(verify(&kit).args(["--json", "--l1-rpc-url", &self.l1])));
        assert_eq!((&kept["kind"], &kept["exits"]), (&"exit-kit".into(), &1.into()), "{kept}");
        let shown = succeed(&mut self.netfold(&["epoch", "show", "2"]));
        assert!(shown.contains("settled"), "{shown}");
        let listed = succeed(&mut self.netfold(&["epoch", "list"]));
        assert_eq!(listed.lines().count(), 4, "{listed}");
        let mut trust = self.netfold(&["trust", "--json", "--l1-rpc-url", &self.l1]);
        trust.args(["--state", path(&self.folder.join("state"))]);
        let trust = last_json(&succeed(&mut trust));
        assert_eq!(trust["proofs"]["setup"], "insecure-development", "{trust}");
        assert_eq!(trust["domain"]["chain_id"], 31337, "{trust}");
    }

    /// Whatever asks L1 tells a node of another chain from the domain's.
    fn another_node(&self) {
        let other = Node::start(1337, &self.folder);
        let asking = |arguments: &[&str]| {
            let mut command = self.netfold(arguments);
            command.args(["--l1-rpc-url", &other.url]);
            command
        };
        let mut owner = asking(&["asset", "revoke", "1"]);
        owner.env("L1_PRIVATE_KEY", OWNER);
        for mut command in [
            self.claim_with(&other.url, FUNDED),
            asking(&["rollup", "list"]),
            asking(&["asset", "list"]),
            asking(&["trust"]),
            owner,
        ] {
            let said = fail(&mut command);
            let expected =
                "the domain is on chain 31337, the node serves chain 1337: name the right";
            assert!(said.contains(expected), "{said}");
        }
    }

    /// The kit of the epoch of the exit.
    fn kit(&self) -> PathBuf {
        let kit = self.folder.join("epoch-2.exits");
        if !kit.exists() {
            succeed(&mut self.netfold(&["epoch", "exit-kit", "2", "--out", path(&kit)]));
        }
        kit
    }

    fn claim(&self) {
        let said = fail(&mut self.claim_with("http://127.0.0.1:1", FUNDED));
        assert!(said.contains("the L1 node did not answer"), "{said}");
        let said = fail(&mut self.claim_with(&self.l1, "12"));
        assert!(said.contains("key is not 32 bytes of hex") && !said.contains("12\""), "{said}");
        let mut unknown = self.netfold(&["claim", "1", "99", "--l1-rpc-url", &self.l1]);
        let said = fail(unknown.args(["--l1-private-key", FUNDED]));
        assert!(said.contains("exit_not_found (404"), "{said}");
        // From the kit, as if there were no api any more.
        let mut from_kit = self.claim_with(&self.l1, FUNDED);
        from_kit.args(["--kit", path(&self.kit())]).env("NETFOLD_URL", "http://127.0.0.1:1");
        let paid = last_json(&succeed(&mut from_kit));
        assert!(paid["tx_hash"].as_str().unwrap().starts_with("0x"), "{paid}");
        assert_eq!(paid["credited"], Value::from(false), "{paid}");
        self.await_status("paid");
        let said = fail(&mut self.claim_with(&self.l1, FUNDED));
        assert!(said.contains("exit 1/1 is paid") && said.contains("and once"), "{said}");
    }

    fn sign_as(&self, rollup: u16, batch: &Path) -> Command {
        let key = self.folder.join(format!("state/keys/rollup-{rollup}.key"));
        self.netfold(&["sign", "--key", path(&key), path(batch)])
    }

    fn claim_with(&self, l1_rpc_url: &str, key: &str) -> Command {
        let claim = ["claim", EXIT[0], EXIT[1], "--l1-rpc-url", l1_rpc_url];
        self.netfold(&[&claim[..], &["--l1-private-key", key]].concat())
    }

    /// The command, told of the api by the environment as operators do it.
    fn netfold(&self, arguments: &[&str]) -> Command {
        let mut command = netfold(arguments);
        command.env("NETFOLD_URL", &self.url);
        command
    }

    fn exit(&self) -> Value {
        read_json(&self.url, &format!("/v1/exits/{}/{}", EXIT[0], EXIT[1]))
    }

    fn await_status(&self, status: &str) {
        let began = Instant::now();
        while self.exit()["status"] != status {
            assert!(began.elapsed() < Duration::from_mins(10), "{}", self.exit());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let file = self.folder.join(name);
        std::fs::write(&file, text).unwrap();
        file
    }
}
