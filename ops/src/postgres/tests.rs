//! On the real server of this machine.
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::*;

fn settings(folder: &Path) -> Settings {
    Settings { folder: folder.join("postgres"), programs: None }
}

/// Asks the server over its socket as a client does: 'R' is the answer of one that lets us in.
fn answers(postgres: &Postgres) -> bool {
    let mut body = vec![0, 3, 0, 0];
    body.extend_from_slice(b"user\0netfold\0database\0netfold\0\0");
    let length = u32::try_from(body.len().checked_add(4).unwrap()).unwrap();
    let mut socket = UnixStream::connect(postgres.socket.join(".s.PGSQL.5432")).unwrap();
    socket.write_all(&length.to_be_bytes()).unwrap();
    socket.write_all(&body).unwrap();
    let mut first = [0];
    socket.read_exact(&mut first).unwrap();
    first == *b"R"
}

fn refused(settings: &Settings) -> Refusal {
    match Postgres::start(settings) {
        Ok(postgres) => panic!("started: {postgres:?}"),
        Err(refusal) => refusal,
    }
}

/// A first start makes the database, a second finds it, and each lets a client in.
#[test]
fn starts_stops_and_starts_again() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let postgres = Postgres::start(&settings(folder.path())).unwrap();
        assert!(answers(&postgres));
        let data = postgres.folder().join("data");
        assert!(postgres.stop().unwrap().success());
        assert!(!data.join("postmaster.pid").exists(), "not a clean shutdown");
    }
    remove(folder.path());
}

/// A state folder with a path too long for a socket still gets a server.
#[test]
fn long_paths() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("a".repeat(60)).join("b".repeat(60));
    let mut settings = settings(&deep);
    // Root's database may have moved to a short path: then put it deep by hand.
    fs::create_dir_all(&deep).unwrap();
    for part in [folder.path(), deep.parent().unwrap(), &deep] {
        fs::set_permissions(part, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    settings.folder = deep.join("postgres with a space");
    let postgres = Postgres::start(&settings).unwrap();
    assert!(postgres.socket.as_os_str().len() < 93, "{:?}", postgres.socket);
    assert!(answers(&postgres));
    let socket = postgres.socket.clone();
    postgres.stop().unwrap();
    fs::remove_dir_all(socket).unwrap();
}

/// Under root a state folder that the server's user cannot enter gets its database elsewhere, says
/// so, and finds it again; anybody else's stays where it is.
#[test]
fn closed_state_folder() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .unwrap();
    let first = Postgres::start(&settings(folder.path())).unwrap();
    let home = first.folder().to_path_buf();
    let inside = home.starts_with(folder.path());
    assert_eq!(inside, first.notice().is_none());
    assert_eq!(inside, first.home.run_as.is_none());
    assert!(answers(&first));
    first.stop().unwrap();
    let second = Postgres::start(&settings(folder.path())).unwrap();
    assert_eq!(second.folder(), home);
    second.stop().unwrap();
    remove(folder.path());
}

/// What a killed server left does not hinder the next start, even when its id is taken again.
#[test]
fn stale_pid_file() {
    let folder = tempfile::tempdir().unwrap();
    let postgres = Postgres::start(&settings(folder.path())).unwrap();
    let data = postgres.folder().join("data");
    postgres.stop().unwrap();
    let pid = std::process::id();
    fs::write(data.join("postmaster.pid"), format!("{pid}\n{}\n", data.display())).unwrap();
    let postgres = Postgres::start(&settings(folder.path())).unwrap();
    assert!(answers(&postgres));
    postgres.stop().unwrap();
    remove(folder.path());
}

/// Data of another major version is refused by name and stays as it was.
#[test]
fn another_major_version() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("postgres/data");
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("PG_VERSION"), "9\n").unwrap();
    let refusal = refused(&settings(folder.path()));
    assert!(matches!(refusal, Refusal::OtherMajor { made_by: 9, .. }), "{refusal}");
    assert!(refusal.to_string().contains("install postgresql-9"));
}

/// A folder in the data's place that is none is not overwritten.
#[test]
fn not_a_data_directory() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("postgres/data");
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("precious"), "x").unwrap();
    let refusal = refused(&settings(folder.path()));
    assert!(matches!(refusal, Refusal::NotACluster { .. }), "{refusal}");
    assert!(data.join("precious").exists());
}

/// A named folder without the programs is refused, not replaced by a search.
#[test]
fn named_programs_are_not_searched_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    settings.programs = Some(folder.path().to_path_buf());
    let refusal = refused(&settings);
    assert!(matches!(refusal, Refusal::NamedProgramsUnusable { .. }), "{refusal}");
}

/// A recorded location that is gone is an error, never a new database.
#[test]
fn lost_location() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    fs::create_dir_all(&settings.folder).unwrap();
    fs::write(settings.folder.join("location"), "/nowhere/at/all\n").unwrap();
    let refusal = refused(&settings);
    assert!(matches!(refusal, Refusal::LocationLost { .. }), "{refusal}");
}

/// The words of a full disk and of a taken socket are understood, the others quoted.
#[test]
fn words_of_the_log() {
    use std::os::unix::process::ExitStatusExt;
    let check = |said: &str| {
        let place = Path::new("/x");
        refusal::of_text(said, place, place, ExitStatus::from_raw(256)).to_string()
    };
    assert!(check("initdb: error: could not write: No space left on device").contains("no space"));
    let lock = "FATAL:  lock file \"/s/.s.PGSQL.5432.lock\" already exists\nHINT:  Is another";
    assert!(check(lock).contains("another server holds"));
    assert!(check("LOG:  a\nFATAL:  something odd\nLOG:  b\n").contains("FATAL:  something odd"));
}

/// Removes what root's tests may have put outside the test's own folder.
fn remove(folder: &Path) {
    let record = folder.join("postgres/location");
    if let Ok(location) = fs::read_to_string(record) {
        fs::remove_dir_all(location.trim()).unwrap();
    }
}
