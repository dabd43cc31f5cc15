use std::fs;

use ff::PrimeField;
use halo2curves::bn256::Fq;

use super::*;
use crate::{SetupKind, file::sha256};

const POWER: u32 = 6;

fn powers_of(tau: Fr) -> Vec<G1Affine> {
    powers_in_g1(tau, 1 << POWER, &mut |_| ())
}

/// Writes a file as of a ceremony.
fn written(folder: &Path, powers: Vec<G1Affine>, tau: Fr) -> PathBuf {
    let path = folder.join(pruned_name(POWER));
    write(&path, POWER, powers, (G2::generator() * tau).to_affine()).unwrap();
    path
}

/// Writes a file as of a ceremony and checks it.
fn check(powers: Vec<G1Affine>, tau: Fr) -> Result<(), Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), powers, tau);
    assert_eq!(find(folder.path(), POWER - 1).unwrap(), path);
    check_ceremony(&path, POWER)
}

fn fault_of<T: std::fmt::Debug>(outcome: Result<T, Error>) -> PowersOfTauFault {
    match outcome.unwrap_err() {
        Error::PowersOfTau { reason, .. } => reason,
        other => panic!("{other}"),
    }
}

fn check_fault(powers: Vec<G1Affine>, tau: Fr, fault: PowersOfTauFault) {
    assert_eq!(fault_of(check(powers, tau)), fault);
}

/// The table's multiples are those of plain multiplication, over more than one chunk.
#[test]
fn powers_are_those_of_plain_multiplication() {
    let tau = development_tau();
    let made = powers_in_g1(tau, CHUNK + 3, &mut |_| ());
    assert_eq!(made.len(), CHUNK + 3);
    for at in [0_u64, 1, 2, 1_000, 8_191, 8_192, 8_194] {
        let expected = (G1::generator() * tau.pow_vartime([at])).to_affine();
        assert_eq!(made[usize::try_from(at).unwrap()], expected);
    }
}

/// A file of one tau passes; one with another point, in another order, of another tau in G2 or of
/// no tau at all does not, and the first power that is wrong is named.
#[test]
fn only_the_powers_of_one_tau_pass() {
    let tau = Fr::from(1_234_567);
    check(powers_of(tau), tau).unwrap();
    for number in [1, 2, 40, 63] {
        let mut changed = powers_of(tau);
        changed[number] = (G1::from(changed[number]) + G1::generator()).to_affine();
        check_fault(changed, tau, PowersOfTauFault::Power { number });
    }
    let mut swapped = powers_of(tau);
    swapped.swap(4, 5);
    check_fault(swapped, tau, PowersOfTauFault::Power { number: 4 });
    let mut reversed = powers_of(tau);
    reversed.reverse();
    check_fault(reversed, tau, PowersOfTauFault::Generator);
    check_fault(powers_of(tau), tau + Fr::ONE, PowersOfTauFault::Power { number: 1 });
    check_fault(powers_of(Fr::ONE), Fr::ONE, PowersOfTauFault::Degenerate);
    let scaled = powers_of(tau).iter().map(|point| (point * Fr::from(2)).to_affine()).collect();
    check_fault(scaled, tau, PowersOfTauFault::Generator);
}

/// A file as nova-snark writes it is told with its size, its hash and whose tau it is of; with a
/// byte changed, cut short or with another header it is refused for its own reason.
#[test]
fn a_file_is_checked_before_it_is_relied_on() {
    let folder = tempfile::tempdir().unwrap();
    let tau = Fr::from(1_234_567);
    let path = written(folder.path(), powers_of(tau), tau);
    let file = fs::read(&path).unwrap();
    let found = check_powers_of_tau(&path, POWER - 1).unwrap();
    assert_eq!((found.power, found.points, found.checked), (POWER, 64, 32));
    assert_eq!(found.kind, SetupKind::PowersOfTau);
    assert_eq!(found.sha256, sha256(&file));
    assert_eq!(found.bytes, u64::try_from(file.len()).unwrap());
    assert!(found.suffices(POWER) && !found.suffices(POWER + 1));
    assert_eq!(check_powers_of_tau(&path, LARGEST_POWER).unwrap().checked, 64);

    let development = development_tau();
    let public = written(folder.path(), powers_of(development), development);
    let found = check_powers_of_tau(&public, POWER).unwrap();
    assert_eq!(found.kind, SetupKind::InsecureDevelopment);

    let check = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        fault_of(check_powers_of_tau(&path, POWER))
    };
    // The last power in G1 ends where the section of G2 begins: 12 bytes and two points.
    let last_point = file.len() - 2 * 128 - 12 - 64;
    for at in [last_point, last_point + 40, file.len() - 1, file.len() - 100] {
        let mut changed = file.clone();
        changed[at] ^= 1;
        assert_eq!(check(&changed), PowersOfTauFault::NoPoint, "byte {at}");
    }
    for length in [file.len() - 1, file.len() - 200, last_point, 200] {
        assert_eq!(check(&file[..length]), PowersOfTauFault::Truncated, "cut at {length}");
    }
    // After magic, version, sections, the header's id and size: width, modulus, exponent.
    let (modulus_at, power_at) = (28, 60);
    let mut other = file.clone();
    other[power_at] = 7;
    let fault = PowersOfTauFault::PointCount { power: 7, points: 64, points_in_g2: 2 };
    assert_eq!(check(&other), fault);
    let mut other = file.clone();
    other[modulus_at] ^= 2;
    assert_eq!(check(&other), PowersOfTauFault::OtherCurve);
    let missing = check_powers_of_tau(&folder.path().join("none"), POWER);
    assert!(matches!(missing, Err(Error::Io { .. })));
}

/// The development setup's powers are nobody's ceremony.
#[test]
fn the_development_powers_are_no_ceremony() {
    let tau = development_tau();
    check_fault(powers_of(tau), tau, PowersOfTauFault::Development);
}

/// Bytes in another format are refused, and so is a folder without enough powers.
#[test]
fn other_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(original_name(POWER));
    // Sections with other ids; a header of four gigabytes; an impossible power; no points.
    let outline = |id: u32, width: u32, power: u32| {
        let mut bytes = b"ptau\x01\0\0\0\x03\0\0\0".to_vec();
        for (id, size) in [(1, 40_u64), (id, 0), (3, 0)] {
            bytes.extend(id.to_le_bytes());
            bytes.extend(size.to_le_bytes());
            if id == 1 {
                bytes.extend(width.to_le_bytes());
                let modulus = hex::decode(Fq::MODULUS.trim_start_matches("0x")).unwrap();
                bytes.extend(modulus.iter().rev());
                bytes.extend(power.to_le_bytes());
            }
        }
        bytes
    };
    let malformed = PowersOfTauFault::Malformed;
    let none = PowersOfTauFault::PointCount { power: POWER, points: 0, points_in_g2: 0 };
    let files = [
        (Vec::new(), malformed),
        (b"ptau".to_vec(), malformed),
        (vec![0; 4_096], malformed),
        (outline(4, 32, POWER), malformed),
        (outline(2, u32::MAX, POWER), malformed),
        (outline(2, 32, 200), malformed),
        (outline(2, 32, POWER), none),
    ];
    for (bytes, fault) in files {
        fs::write(&path, bytes).unwrap();
        assert_eq!(fault_of(find(folder.path(), POWER)), fault);
    }
    let fault = PowersOfTauFault::Missing { power: POWER + 1 };
    assert_eq!(fault_of(find(folder.path(), POWER + 1)), fault);
}

/// A development file that is there is left as it is.
#[test]
fn the_development_file_is_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut told = Vec::new();
    write_development_file(folder.path(), POWER, &mut |fraction| told.push(fraction)).unwrap();
    assert_eq!(told.last(), Some(&1.0));
    write_development_file(folder.path(), POWER, &mut |_| panic!("made again")).unwrap();
    let files = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files, 1);
}
