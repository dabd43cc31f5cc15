use std::fs;

use super::*;

const POWER: u32 = 6;

fn powers_of(tau: Fr) -> Vec<G1Affine> {
    powers_in_g1(tau, 1 << POWER, &mut |_| ())
}

/// Writes a file as of a ceremony and checks it.
fn check(powers: Vec<G1Affine>, tau: Fr) -> Result<(), Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(pruned_name(POWER));
    write(&path, POWER, powers, (G2::generator() * tau).to_affine()).unwrap();
    assert_eq!(find(folder.path(), POWER - 1).unwrap(), path);
    check_ceremony(&path, POWER)
}

fn check_fault(powers: Vec<G1Affine>, tau: Fr, fault: PowersOfTauFault) {
    let refused = check(powers, tau).unwrap_err();
    assert!(matches!(refused, Error::PowersOfTau { reason, .. } if reason == fault), "{refused}");
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
/// no tau at all does not.
#[test]
fn only_the_powers_of_one_tau_pass() {
    let tau = Fr::from(1_234_567);
    check(powers_of(tau), tau).unwrap();
    let inconsistent = PowersOfTauFault::Inconsistent;
    for at in [1, 2, 40, 63] {
        let mut changed = powers_of(tau);
        changed[at] = (G1::from(changed[at]) + G1::generator()).to_affine();
        check_fault(changed, tau, inconsistent);
    }
    let mut swapped = powers_of(tau);
    swapped.swap(4, 5);
    check_fault(swapped, tau, inconsistent);
    check_fault(powers_of(tau), tau + Fr::ONE, inconsistent);
    check_fault(powers_of(Fr::ONE), Fr::ONE, inconsistent);
    let scaled = powers_of(tau).iter().map(|point| (point * Fr::from(2)).to_affine()).collect();
    check_fault(scaled, tau, inconsistent);
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
    let fault = PowersOfTauFault::Malformed;
    // Sections with other ids; a header of four gigabytes; an impossible power; too few points.
    let outline = |id: u32, width: u32, power: u32| {
        let mut bytes = b"ptau\x01\0\0\0\x03\0\0\0".to_vec();
        for (id, size) in [(1, 40_u64), (id, 0), (3, 0)] {
            bytes.extend(id.to_le_bytes());
            bytes.extend(size.to_le_bytes());
            if id == 1 {
                bytes.extend(width.to_le_bytes());
                bytes.extend([0; 32]);
                bytes.extend(power.to_le_bytes());
            }
        }
        bytes
    };
    let files = [
        Vec::new(),
        b"ptau".to_vec(),
        vec![0; 4_096],
        outline(4, 32, POWER),
        outline(2, u32::MAX, POWER),
        outline(2, 32, 200),
    ];
    for bytes in files {
        fs::write(&path, bytes).unwrap();
        let refused = find(folder.path(), POWER).unwrap_err();
        assert!(matches!(refused, Error::PowersOfTau { reason, .. } if reason == fault));
    }
    fs::write(&path, outline(2, 32, POWER)).unwrap();
    assert_eq!(find(folder.path(), POWER).unwrap(), path);
    let refused = check_ceremony(&path, POWER).unwrap_err();
    assert!(matches!(refused, Error::PowersOfTau { reason, .. } if reason == fault));
    let refused = find(folder.path(), POWER + 1).unwrap_err();
    let fault = PowersOfTauFault::Missing { power: POWER + 1 };
    assert!(matches!(refused, Error::PowersOfTau { reason, .. } if reason == fault));
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
