//! Proof files and checkpoints that somebody changed.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a wrong offset is the test's failure"
)]

use folding::{EpochProof, Error, Fold};
use sha2::{Digest, Sha256};

use crate::{history, key, params, plan_of, short_proof, start};

const CHECKSUM_BYTES: usize = 32;

/// Where the fields of a proof file begin, from its first byte to the first emitted word: magic,
/// version, key, chain, contract, domain, verifier, epoch, opening and closing digest, steps.
const FIELDS: [usize; 13] = [0, 8, 10, 11, 43, 51, 71, 75, 107, 115, 147, 179, 181];

/// Words that one step emits.
const EMITTED_BYTES: usize =
    domain::limits::CELLS_EMITTED_PER_STEP * 64 + domain::limits::ROLLUPS_EMITTED_PER_STEP * 160;

fn resealed(mut file: Vec<u8>) -> Vec<u8> {
    let end = file.len() - CHECKSUM_BYTES;
    let checksum = Sha256::digest(&file[..end]);
    file[end..].copy_from_slice(&checksum);
    file
}

fn verifies(file: &[u8]) -> bool {
    EpochProof::from_bytes(file).is_ok_and(|proof| proof.verify(key()).is_ok())
}

fn check_refused(file: &[u8], at: usize, flip: u8) {
    let mut changed = file.to_vec();
    changed[at] ^= flip;
    assert!(!verifies(&changed), "byte {at} changed by {flip:#x}");
    assert!(!verifies(&resealed(changed)), "byte {at} changed by {flip:#x}, checksum renewed");
}

/// Every byte of the header and the statement, and the proof's bytes at short distances and around
/// every length in it, changed one at a time: each file is refused, also with a renewed checksum.
#[test]
fn every_changed_byte_is_refused() {
    let file = short_proof().to_bytes();
    assert!(verifies(&file));
    assert!(verifies(&resealed(file.clone())));
    let proof_at = FIELDS[12] + EMITTED_BYTES;
    let end = file.len() - CHECKSUM_BYTES;
    for at in 0..proof_at + 4 {
        check_refused(&file, at, 1);
    }
    for at in FIELDS {
        check_refused(&file, at, 0x80);
    }
    let lengths: Vec<usize> = (proof_at + 4..end - 8)
        .filter(|at| {
            let number: [u8; 8] = file[*at..at + 8].try_into().unwrap();
            (1..=40).contains(&u64::from_le_bytes(number))
        })
        .collect();
    assert!(lengths.len() > 60, "{} lengths", lengths.len());
    let around = lengths.iter().flat_map(|at| [*at, at + 8]);
    let sample = (proof_at + 4..end).step_by(131);
    assert!(sample.len() > 100);
    for at in sample.chain(around).chain([end - 1]) {
        check_refused(&file, at, 1);
    }
    for at in end..file.len() {
        let mut changed = file.clone();
        changed[at] ^= 1;
        assert!(matches!(
            EpochProof::from_bytes(&changed),
            Err(Error::ProofMalformed(folding::FileFault::Checksum))
        ));
    }
}

/// A file that ends early, goes on too long or says another number of steps is refused.
#[test]
fn other_lengths_are_refused() {
    let file = short_proof().to_bytes();
    let end = file.len() - CHECKSUM_BYTES;
    assert!(!verifies(&file[..end]));
    for length in [0, 7, 40, 200, FIELDS[12] + 1, end - 1] {
        assert!(!verifies(&file[..length]));
        let mut cut = file[..length].to_vec();
        cut.resize(length + CHECKSUM_BYTES, 0);
        assert!(!verifies(&resealed(cut)), "cut at {length}");
    }
    let mut longer = file.clone();
    longer.insert(end, 0);
    assert!(!verifies(&resealed(longer)));
    assert!(!verifies(&vec![0; 1 << 23]));

    // A step more that emits nothing, and no step at all.
    let steps = FIELDS[11];
    let mut more = file.clone();
    more[steps + 1] = 2;
    more.splice(FIELDS[12] + EMITTED_BYTES..FIELDS[12] + EMITTED_BYTES, [0; EMITTED_BYTES]);
    assert!(!verifies(&resealed(more)));
    let mut none = file;
    none[steps + 1] = 0;
    none.drain(FIELDS[12]..FIELDS[12] + EMITTED_BYTES);
    assert!(!verifies(&resealed(none)));
}

/// A changed checkpoint is refused, also with a renewed checksum: nothing is folded on a ground that
/// does not hold.
#[test]
fn a_changed_checkpoint_is_refused() {
    let plan = plan_of(&history::small_epoch());
    let mut fold = start();
    for step in plan.steps.iter().take(2) {
        fold.step(step).unwrap();
    }
    let checkpoint = fold.checkpoint().unwrap();
    Fold::resume(params(), &checkpoint).unwrap();
    let end = checkpoint.len() - CHECKSUM_BYTES;
    // Key, domain, epoch, opening digest, steps, an emission, the fold's own z, witness, errors.
    let last_z = end - 40;
    for at in [12, 50, 110, 120, 148, 300, 4_000, end / 4, end / 2, end / 4 * 3, last_z] {
        let mut changed = checkpoint.clone();
        changed[at] ^= 1;
        let refused = Fold::resume(params(), &changed);
        assert!(matches!(refused, Err(Error::CheckpointMalformed(_))), "byte {at}");
        let refused = Fold::resume(params(), &resealed(changed)).map(|fold| fold.steps());
        assert!(
            matches!(
                refused,
                Err(Error::CheckpointMalformed(_)
                    | Error::CheckpointInvalid(_)
                    | Error::WrongKey { .. })
            ),
            "byte {at}: {refused:?}"
        );
    }
    assert!(Fold::resume(params(), &checkpoint[..1_000]).is_err());
}
