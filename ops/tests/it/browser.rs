//! The page as a browser shows it, and the api as a plain client reads it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Reads a resource over HTTP/1.1, without a client library of ours in between.
pub(crate) fn read_json(url: &str, resource: &str) -> Value {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {resource} HTTP/1.0\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(" 200 "), "{resource}: {head}\n{body}");
    serde_json::from_str(body).unwrap()
}

/// The overview in Chromium, after its scripts have run: what an operator asks first is answered,
/// every rollup and epoch is there, and nothing is fetched from elsewhere. Leaves a screenshot.
pub(crate) fn check_overview(url: &str) {
    let page = dump(url);
    for expected in ["Yes, to the last atom", "Epoch 3", "Rollup 6", "80 of 80 exits paid on L1"] {
        assert!(page.contains(expected), "{expected:?} is not on the page: {page}");
    }
    assert!(!page.contains("does not balance"), "{page}");
    let foreign = ["src=\"http", "href=\"http", "url(http"];
    assert!(foreign.iter().all(|start| !page.contains(start)), "{page}");
    let picture = Path::new(env!("CARGO_TARGET_TMPDIR")).join("overview.png");
    let shot = format!("--screenshot={}", picture.display());
    chromium(&[&shot, "--window-size=1280,1800", "--hide-scrollbars", url]);
    assert!(std::fs::metadata(picture).unwrap().len() > 20_000, "an empty picture");
}

fn dump(url: &str) -> String {
    chromium(&["--dump-dom", url])
}

fn chromium(arguments: &[&str]) -> String {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new(program())
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        // No virtual time: it stands still while the page's event stream is open.
        .arg("--timeout=4000")
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn program() -> PathBuf {
    let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
    let usual = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
    let usual = usual.map(PathBuf::from).into_iter().find(|path| path.exists());
    named.or(usual).unwrap_or_else(|| panic!("Chromium is not installed: ops/test installs it"))
}
