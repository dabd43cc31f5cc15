//! The whole API against its own document, by schemathesis: what it can think of asking is answered as the
//! document says, and never by an error of the server.
//!
//! `SCHEMATHESIS` names the program, else it is looked for in `PATH`; `ops/test` installs what
//! `schemathesis/requirements.txt` pins.

use std::{path::Path, process::Command, time::Duration};

use api::{Access, Settings, State};
use ledger::{ApiKeySecret, Ledger, Role, Scope};
use tokio::sync::oneshot;

use crate::filled::filled;

/// With a key of every scope, over a cluster with a past, all default checks hold for 100 examples of every
/// operation, whatever operations there are.
#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_documented() {
    let world = filled("schemathesis").await;
    let owner = Ledger::connect(&world.database.url, Role::Owner, 2).await.unwrap();
    let secret = ApiKeySecret::from_random([7; 8], [7; 32]);
    let scopes = SCOPES.iter().map(|scope| scope.parse::<Scope>().unwrap()).collect();
    owner.add_api_key(&secret, "schemathesis", &scopes).await.unwrap();

    let ledger = Ledger::connect(&world.database.url, Role::Api, 8).await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let stream_time = Duration::from_millis(20);
    let settings = Settings { access: Access::Keys, stream_time, ..Settings::default() };
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(api::serve(listener, State::new(ledger.clone(), settings), async {
        stopped.await.unwrap_or(());
    }));
    let said = tokio::task::spawn_blocking(move || run(&url, secret.expose())).await.unwrap();
    drop(stop);
    server.await.unwrap().unwrap();
    ledger.close().await;
    owner.close().await;
    world.end().await;
    said.unwrap_or_else(|said| panic!("{said}"));
}

/// What it says, when it found something.
fn run(url: &str, key: &str) -> Result<(), String> {
    let program = std::env::var_os("SCHEMATHESIS").unwrap_or_else(|| "schemathesis".into());
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemathesis/schemathesis.toml");
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(program)
        .arg("--config-file")
        .arg(config)
        .args(["run", &format!("{url}/openapi.json"), "--no-color"])
        .args(["--header", &format!("Authorization: Bearer {key}")])
        // It keeps what it found in the folder that it runs in.
        .current_dir(folder.path())
        .output()
        .expect("schemathesis: run ops/test, or name the program by SCHEMATHESIS");
    if output.status.success() {
        return Ok(());
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Err(text(&output.stdout) + &text(&output.stderr))
}

const SCOPES: [&str; 8] =
    ["read", "submit:1", "submit:2", "submit:3", "submit:4", "submit:5", "operate", "prove"];
