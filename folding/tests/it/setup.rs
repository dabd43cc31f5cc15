//! Parameters and keys.

use std::fs;

use folding::{Error, KeyId, Params, PowersOfTauFault, Setup, VerifyingKey};

use crate::{directory, key};

/// The development key of this circuit. It changes with the circuit, and with nothing else: not
/// with the machine, the number of threads or the time.
const KEY_ID: &str =
    "insecure-development:c6c49874c6cb77ffb655ff5aaab4ea1eb6fb651f0e1a0ea8793e80c17562847f";

/// The digest that Nova computes of the development parameters.
const PARAMS_DIGEST: &str = "0x023ee5eec915591166fb89bd51460b12db26e951374e735cf0545b655ea372a5";

/// The same program makes the same parameters and keys.
#[test]
fn keys_are_reproducible() {
    let id = key().id();
    assert_eq!(id.to_string(), KEY_ID, "the circuit has changed: this is its new key");
    assert_eq!(id, KEY_ID.parse::<KeyId>().unwrap());
    assert!(id.is_insecure());
    assert_eq!(key().params_digest().to_string(), PARAMS_DIGEST);
}

/// A verifying key survives its bytes; changed bytes are no key, or another.
#[test]
fn a_verifying_key_is_its_bytes() {
    let key = key();
    let mut bytes = key.to_bytes().unwrap();
    let read = VerifyingKey::from_bytes(&bytes).unwrap();
    assert_eq!(read.id(), key.id());
    assert_eq!(read.to_bytes().unwrap(), bytes);
    for at in [0, 9, 11, 40, 1_000, bytes.len() - 1] {
        bytes[at] ^= 1;
        assert!(matches!(VerifyingKey::from_bytes(&bytes), Err(Error::KeyMalformed)));
        bytes[at] ^= 1;
    }
    assert!(matches!(VerifyingKey::from_bytes(&bytes[..100]), Err(Error::KeyMalformed)));
    assert!(matches!(VerifyingKey::from_bytes(&[]), Err(Error::KeyMalformed)));
}

/// A damaged key file is named; a missing one is missing; neither is made again in silence.
#[test]
fn damaged_key_files_are_named() {
    let original = key().to_bytes().unwrap();
    let copy = tempfile::tempdir().unwrap();
    let missing = VerifyingKey::load(copy.path(), &Setup::InsecureDevelopment);
    assert!(matches!(missing, Err(Error::KeyMissing { .. })));
    let folder = fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| fs::read(path.join("verifying.key")).is_ok_and(|file| file == original))
        .unwrap();
    let keys = copy.path().join(folder.file_name().unwrap());
    fs::create_dir(&keys).unwrap();
    let mut damaged = original;
    damaged[500] ^= 4;
    fs::write(keys.join("verifying.key"), damaged).unwrap();
    let load = || Params::load_or_create(copy.path(), &Setup::InsecureDevelopment, &mut |_| ());
    assert!(matches!(load(), Err(Error::KeyDamaged { .. })));
}

/// A ceremony's folder without a file of enough powers is refused, with what it lacks.
#[test]
fn a_ceremony_needs_enough_powers() {
    let empty = tempfile::tempdir().unwrap();
    let setup = Setup::PowersOfTau(empty.path().to_owned());
    let refused = Params::load_or_create(empty.path(), &setup, &mut |_| ());
    let missing = PowersOfTauFault::Missing { power: 20 };
    assert!(matches!(refused, Err(Error::PowersOfTau { reason, .. }) if reason == missing));
}

/// Only the one text of a key id is one.
#[test]
fn key_ids_have_one_form() {
    let id = key().id().to_string();
    for text in ["", "powers-of-tau", &id[1..], &id.to_uppercase(), &format!("{id}0")] {
        assert!(matches!(text.parse::<KeyId>(), Err(Error::KeyIdMalformed { .. })), "{text}");
    }
}
