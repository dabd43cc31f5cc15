//! Whether a file holds the powers of one tau.
//!
//! **Invariant:** a file passes only if it has the points that its header states, all on the curve,
//! and each power is tau times the one before, by a pairing with tau in G2. What it fails by is
//! named.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use alloy_primitives::U256;
use ff::{Field, FromUniformBytes, PrimeField};
use halo2curves::{
    bn256::{Bn256, Fq, Fq2, Fr, G1Affine, G2, G2Affine},
    group::{Curve, prime::PrimeCurveAffine},
    msm::msm_best,
    pairing::Engine,
};
use nova_snark::provider::read_ptau;
use sha2::{Digest, Sha256, Sha512};

use super::{LARGEST_POWER, development_tau, powers};
use crate::{Error, SettlementVerifyingKey, SetupKind, error::PowersOfTauFault, file::io_error};

/// Bytes of a point in G1.
const G1_BYTES: u64 = 64;
/// Bytes of a point in G2.
const G2_BYTES: u64 = 128;

/// A powers-of-tau file that has been checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PowersOfTau {
    /// The file.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: u64,
    /// Their SHA-256.
    pub sha256: [u8; 32],
    /// The exponent that its header states.
    pub power: u32,
    /// Its powers in G1.
    pub points: u64,
    /// How many of them were checked: all that this program's circuit uses.
    pub checked: u64,
    /// Whether everybody knows the tau.
    pub kind: SetupKind,
    tau_h: [U256; 4],
}

impl PowersOfTau {
    /// Whether it is enough for a circuit that needs `2^power` powers.
    #[must_use]
    pub fn suffices(&self, power: u32) -> bool {
        self.power >= power
    }

    /// Whether a key was made from this tau.
    #[must_use]
    pub fn made(&self, key: &SettlementVerifyingKey) -> bool {
        key.evm().tau_h == self.tau_h
    }
}

/// Checks a file, up to the `2^needed` powers that are used of it.
///
/// # Errors
/// [`Error::PowersOfTau`] with what is wrong, or [`Error::Io`].
pub fn check_powers_of_tau(path: &Path, needed: u32) -> Result<PowersOfTau, Error> {
    let fault = |reason| Error::PowersOfTau { path: path.to_owned(), reason };
    let Outline { power, points } = outline(path)?.map_err(fault)?;
    let checked = points.min(1 << needed.min(LARGEST_POWER));
    let tau_h = check_points(path, usize::try_from(checked).unwrap_or(usize::MAX))?;
    let read = |source| io_error(path, source);
    let mut hash = Sha256::new();
    let bytes = io::copy(&mut File::open(path).map_err(read)?, &mut hash).map_err(read)?;
    let kind = if is_development(&tau_h) {
        SetupKind::InsecureDevelopment
    } else {
        SetupKind::PowersOfTau
    };
    let (x, y) = (numbers(&tau_h.x), numbers(&tau_h.y));
    Ok(PowersOfTau {
        path: path.to_owned(),
        bytes,
        sha256: hash.finalize().into(),
        power,
        points,
        checked,
        kind,
        tau_h: [x[0], x[1], y[0], y[1]],
    })
}

/// Checks that the first `2^power` points of a ceremony's file are powers of one tau, and not of the
/// development setup's.
pub(crate) fn check_ceremony(path: &Path, power: u32) -> Result<(), Error> {
    if is_development(&check_points(path, 1 << power)?) {
        let reason = PowersOfTauFault::Development;
        return Err(Error::PowersOfTau { path: path.to_owned(), reason });
    }
    Ok(())
}

/// What a file says that it holds.
pub(super) struct Outline {
    power: u32,
    points: u64,
}

/// Reads a file's sections, without its points. nova-snark asserts parts of it where it reads.
pub(super) fn outline(path: &Path) -> Result<Result<Outline, PowersOfTauFault>, Error> {
    let read = |source| io_error(path, source);
    let file = File::open(path).map_err(read)?;
    let length = file.metadata().map_err(read)?.len();
    let mut file = BufReader::new(file);
    let Ok(Some(header)) = read_header(&mut file) else {
        return Ok(Err(PowersOfTauFault::Malformed));
    };
    Ok(read_sections(&mut file, header, length).unwrap_or(Err(PowersOfTauFault::Truncated)))
}

/// The number of sections.
fn read_header(file: &mut impl Read) -> io::Result<Option<u32>> {
    if read_bytes(file)? != *b"ptau" || read_number(file)? != 1 {
        return Ok(None);
    }
    Ok(Some(read_number(file)?).filter(|sections| [3, 11].contains(sections)))
}

fn read_sections(
    file: &mut (impl Read + Seek),
    sections: u32,
    length: u64,
) -> io::Result<Result<Outline, PowersOfTauFault>> {
    let malformed = Ok(Err(PowersOfTauFault::Malformed));
    let (mut power, mut points, mut points_in_g2) = (None, None, None);
    for _ in 0..sections {
        let id = read_number(file)?;
        let size = u64::from_le_bytes(read_bytes(file)?);
        let start = file.stream_position()?;
        match id {
            1 => {
                let (width, modulus): (u32, [u8; 32]) = (read_number(file)?, read_bytes(file)?);
                let stated = read_number(file)?;
                if width != 32 || stated > LARGEST_POWER.saturating_add(1) {
                    return malformed;
                }
                if Some(modulus) != base_modulus() {
                    return Ok(Err(PowersOfTauFault::OtherCurve));
                }
                power = Some(stated);
            }
            2 => points = Some(size / G1_BYTES),
            3 => points_in_g2 = Some(size / G2_BYTES),
            _ => {}
        }
        let Some(end) = start.checked_add(size).filter(|end| i64::try_from(*end).is_ok()) else {
            return malformed;
        };
        if end > length {
            return Ok(Err(PowersOfTauFault::Truncated));
        }
        file.seek(SeekFrom::Start(end))?;
    }
    let (Some(power), Some(points), Some(points_in_g2)) = (power, points, points_in_g2) else {
        return malformed;
    };
    // A pruned file, or a whole one with the powers that a ceremony needs besides.
    let stated = 1_u64 << power;
    let whole = stated.saturating_mul(2).saturating_sub(1);
    if (points != stated && points != whole) || points_in_g2 < 2 {
        return Ok(Err(PowersOfTauFault::PointCount { power, points, points_in_g2 }));
    }
    Ok(Ok(Outline { power, points }))
}

/// Checks the first `count` points: `e(Σ rⁱ·Pᵢ₊₁, H) = e(Σ rⁱ·Pᵢ, τH)` for an `r` that depends on
/// all points, and `P₀ = G`. Returns `τH`.
fn check_points(path: &Path, count: usize) -> Result<G2Affine, Error> {
    let fault = |reason| Error::PowersOfTau { path: path.to_owned(), reason };
    let file = File::open(path).map_err(|source| io_error(path, source))?;
    let (points, in_g2): (Vec<G1Affine>, Vec<G2Affine>) =
        read_ptau(&mut BufReader::new(file), count, 2)
            // All else that it refuses is in the outline.
            .map_err(|_| fault(PowersOfTauFault::NoPoint))?;
    let [h, tau_h] = in_g2.as_slice() else { return Err(fault(PowersOfTauFault::Truncated)) };
    if points.first() != Some(&G1Affine::generator()) || *h != G2Affine::generator() {
        return Err(fault(PowersOfTauFault::Generator));
    }
    if bool::from(tau_h.is_identity()) || *tau_h == *h {
        return Err(fault(PowersOfTauFault::Degenerate));
    }
    let weights = weights(&points);
    let last = points.len().saturating_sub(1);
    if follow(&points, &weights, last, tau_h) {
        return Ok(*tau_h);
    }
    // Up to the first it holds, up to the last it does not.
    let (mut holds, mut fails) = (0, last);
    while fails.saturating_sub(holds) > 1 {
        let middle = usize::midpoint(holds, fails);
        let half = if follow(&points, &weights, middle, tau_h) { &mut holds } else { &mut fails };
        *half = middle;
    }
    Err(fault(PowersOfTauFault::Power { number: fails }))
}

/// Whether each point up to that one is tau times the one before.
fn follow(points: &[G1Affine], weights: &[Fr], last: usize, tau_h: &G2Affine) -> bool {
    let (Some(lower), Some(higher), Some(weights)) =
        (points.get(..last), points.get(1..=last), weights.get(..last))
    else {
        return false;
    };
    let left = Bn256::pairing(&msm_best(weights, higher).to_affine(), &G2Affine::generator());
    left == Bn256::pairing(&msm_best(weights, lower).to_affine(), tau_h)
}

fn is_development(tau_h: &G2Affine) -> bool {
    *tau_h == (G2::generator() * development_tau()).to_affine()
}

/// Powers of an `r` hashed from all points.
fn weights(points: &[G1Affine]) -> Vec<Fr> {
    let mut hash = Sha512::new();
    for point in points {
        hash.update(point.x.to_repr());
        hash.update(point.y.to_repr());
    }
    let digest: [u8; 64] = hash.finalize().into();
    powers(Fr::ONE, Fr::from_uniform_bytes(&digest), points.len())
}

/// Real and imaginary part.
fn numbers(element: &Fq2) -> [U256; 2] {
    let number = |part: Fq| {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(part.to_repr().as_ref());
        U256::from_le_bytes(bytes)
    };
    [number(*element.c0()), number(*element.c1())]
}

/// The order of BN254's base field, as the format has it.
fn base_modulus() -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(Fq::MODULUS.trim_start_matches("0x"), &mut bytes).ok()?;
    bytes.reverse();
    Some(bytes)
}

fn read_bytes<const N: usize>(file: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn read_number(file: &mut impl Read) -> io::Result<u32> {
    Ok(u32::from_le_bytes(read_bytes(file)?))
}
