//! Powers-of-tau files: the structured reference string behind HyperKZG and Mercury.
//!
//! **Invariant:** a file is used only after a pairing check over all its powers, so that it is a
//! string of one tau; whether anybody knows that tau is for the ceremony to say. The development
//! file's tau is a constant of this program: everybody knows it, everybody can forge, and every key
//! made from it says so in its id.
//!
//! Files are in the format of snarkjs and the Perpetual Powers of Tau ceremony, as nova-snark
//! reads and writes them. While a point of G2 is checked, halo2curves prints lines of `true` and
//! `false` to the standard output; a command whose output is read by programs has to write to
//! another descriptor, or load keys before it begins.

#![expect(clippy::arithmetic_side_effects, reason = "group and field arithmetic cannot overflow")]

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use ff::{Field, FromUniformBytes, PrimeField};
use halo2curves::{
    bn256::{Bn256, Fr, G1, G1Affine, G2, G2Affine},
    group::{Curve, Group, prime::PrimeCurveAffine},
    msm::msm_best,
    pairing::Engine,
};
use nova_snark::provider::{read_ptau, write_ptau};
use rayon::prelude::*;
use sha2::{Digest, Sha512};

use crate::{
    Error,
    error::PowersOfTauFault,
    file::{io_error, replace_file},
};

/// What the development setup's tau is the hash of.
const DEVELOPMENT_TAU: &[u8] = b"netfold insecure development setup: this tau is public";

/// Bits of one digit in the fixed-base multiplication.
const WINDOW_BITS: usize = 11;
/// Digits of a scalar of 254 bits.
const WINDOWS: usize = 254_usize.div_ceil(WINDOW_BITS);
/// Powers per unit of work, small enough for a lively progress display.
const CHUNK: usize = 1 << 13;

/// The greatest power of two that ceremony files come in.
const LARGEST_POWER: u32 = 28;

/// Writes the development file with `2^power` powers to a directory, unless it is there.
pub(crate) fn write_development_file(
    directory: &Path,
    power: u32,
    progress: &mut dyn FnMut(f64),
) -> Result<(), Error> {
    let path = directory.join(pruned_name(power));
    if path.exists() {
        return Ok(());
    }
    let tau = development_tau();
    let powers = powers_in_g1(tau, 1 << power, progress);
    write(&path, power, powers, (G2::generator() * tau).to_affine())
}

fn write(path: &Path, power: u32, powers: Vec<G1Affine>, tau_h: G2Affine) -> Result<(), Error> {
    replace_file(path, |file| {
        let mut file = BufWriter::new(file);
        write_ptau(&mut file, powers, vec![G2Affine::generator(), tau_h], power)
            .map_err(io::Error::other)?;
        file.flush()
    })
}

/// The smallest file of a directory with at least `2^power` powers, as nova-snark chooses it. Its
/// sections are there; its points are not looked at.
pub(crate) fn find(directory: &Path, power: u32) -> Result<PathBuf, Error> {
    let path = (power..=LARGEST_POWER)
        .flat_map(|power| [pruned_name(power), original_name(power)])
        .map(|name| directory.join(name))
        .find(|path| path.exists())
        .ok_or_else(|| Error::PowersOfTau {
            path: directory.to_owned(),
            reason: PowersOfTauFault::Missing { power },
        })?;
    let mut file = BufReader::new(File::open(&path).map_err(|source| io_error(&path, source))?);
    match has_sections(&mut file) {
        Ok(true) => Ok(path),
        Ok(false) | Err(_) => Err(Error::PowersOfTau { path, reason: PowersOfTauFault::Malformed }),
    }
}

/// Whether a file has the outline of the format. nova-snark asserts parts of it where it reads.
fn has_sections(file: &mut (impl Read + Seek)) -> io::Result<bool> {
    if read_bytes(file)? != *b"ptau" || read_number(file)? != 1 {
        return Ok(false);
    }
    let mut found = [false; 3];
    let sections = read_number(file)?;
    if sections != 3 && sections != 11 {
        return Ok(false);
    }
    for _ in 0..sections {
        let id = read_number(file)?;
        let size = i64::from_le_bytes(read_bytes(file)?);
        let start = file.stream_position()?;
        if id == 1 {
            let (width, _modulus, power) =
                (read_number(file)?, read_bytes::<32>(file)?, read_number(file)?);
            if width != 32 || power > LARGEST_POWER.saturating_add(1) {
                return Ok(false);
            }
        }
        let place = usize::try_from(id).ok().and_then(|id| id.checked_sub(1));
        if let Some(found) = place.and_then(|place| found.get_mut(place)) {
            *found = true;
        }
        let Some(end) = u64::try_from(size).ok().and_then(|size| start.checked_add(size)) else {
            return Ok(false);
        };
        file.seek(SeekFrom::Start(end))?;
    }
    Ok(found == [true; 3])
}

fn read_bytes<const N: usize>(file: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn read_number(file: &mut impl Read) -> io::Result<u32> {
    Ok(u32::from_le_bytes(read_bytes(file)?))
}

/// Checks that the first `2^power` points of a ceremony's file are powers of one tau, and not of the
/// development setup's: `e(Σ rⁱ·Pᵢ₊₁, H) = e(Σ rⁱ·Pᵢ, τH)` for an `r` that depends on all points,
/// and `P₀ = G`.
pub(crate) fn check_ceremony(path: &Path, power: u32) -> Result<(), Error> {
    let fault = |reason| Error::PowersOfTau { path: path.to_owned(), reason };
    let file = File::open(path).map_err(|source| io_error(path, source))?;
    let (points, in_g2): (Vec<G1Affine>, Vec<G2Affine>) =
        read_ptau(&mut BufReader::new(file), 1 << power, 2)
            .map_err(|_| fault(PowersOfTauFault::Malformed))?;
    let inconsistent = || fault(PowersOfTauFault::Inconsistent);
    let [h, tau_h] = in_g2.as_slice() else { return Err(inconsistent()) };
    let (Some((first, higher)), Some((_, lower))) = (points.split_first(), points.split_last())
    else {
        return Err(inconsistent());
    };
    if *tau_h == (G2::generator() * development_tau()).to_affine() {
        return Err(fault(PowersOfTauFault::Development));
    }
    let genuine = *first == G1Affine::generator()
        && *h == G2Affine::generator()
        && !bool::from(tau_h.is_identity())
        && higher.first() != Some(first);
    let weights = weights(&points, higher.len());
    let left = Bn256::pairing(&msm_best(&weights, higher).to_affine(), h);
    let right = Bn256::pairing(&msm_best(&weights, lower).to_affine(), tau_h);
    if genuine && left == right { Ok(()) } else { Err(inconsistent()) }
}

fn pruned_name(power: u32) -> String {
    format!("ppot_pruned_{power:02}.ptau")
}

fn original_name(power: u32) -> String {
    if power == LARGEST_POWER {
        "ppot_0080_final.ptau".to_owned()
    } else {
        format!("ppot_0080_{power:02}.ptau")
    }
}

fn development_tau() -> Fr {
    let digest: [u8; 64] = Sha512::digest(DEVELOPMENT_TAU).into();
    Fr::from_uniform_bytes(&digest)
}

/// `1, r, r², …` for an `r` hashed from all points.
fn weights(points: &[G1Affine], count: usize) -> Vec<Fr> {
    let mut hash = Sha512::new();
    for point in points {
        hash.update(point.x.to_repr());
        hash.update(point.y.to_repr());
    }
    let digest: [u8; 64] = hash.finalize().into();
    powers(Fr::ONE, Fr::from_uniform_bytes(&digest), count)
}

fn powers(first: Fr, ratio: Fr, count: usize) -> Vec<Fr> {
    std::iter::successors(Some(first), |power| Some(*power * ratio)).take(count).collect()
}

/// `τⁱ·G` for `i` below `count`.
fn powers_in_g1(tau: Fr, count: usize, progress: &mut dyn FnMut(f64)) -> Vec<G1Affine> {
    let table = window_table();
    let chunk_ratio = tau.pow_vartime([u64::try_from(CHUNK).unwrap_or(u64::MAX)]);
    let chunks = powers(Fr::ONE, chunk_ratio, count.div_ceil(CHUNK));
    let mut points = Vec::with_capacity(count);
    for firsts in chunks.chunks(rayon::current_num_threads().max(1)) {
        let made: Vec<Vec<G1Affine>> = firsts
            .par_iter()
            .map(|first| {
                let scalars = powers(*first, tau, CHUNK.min(count));
                let made: Vec<G1> = scalars.iter().map(|power| multiply(&table, power)).collect();
                let mut affine = vec![G1Affine::identity(); made.len()];
                G1::batch_normalize(&made, &mut affine);
                affine
            })
            .collect();
        points.extend(made.into_iter().flatten());
        progress(fraction(points.len(), count));
    }
    points.truncate(count);
    points
}

/// Per window of the scalar, every multiple of `2^(window·bits)·G` by a digit.
fn window_table() -> Vec<Vec<G1Affine>> {
    let bases: Vec<G1> = std::iter::successors(Some(G1::generator()), |base| {
        Some((0..WINDOW_BITS).fold(*base, |base, _| base.double()))
    })
    .take(WINDOWS)
    .collect();
    bases
        .par_iter()
        .map(|base| {
            let multiples: Vec<G1> =
                std::iter::successors(Some(G1::identity()), |multiple| Some(*multiple + base))
                    .take(1 << WINDOW_BITS)
                    .collect();
            let mut affine = vec![G1Affine::identity(); multiples.len()];
            G1::batch_normalize(&multiples, &mut affine);
            affine
        })
        .collect()
}

fn multiply(table: &[Vec<G1Affine>], scalar: &Fr) -> G1 {
    let repr = scalar.to_repr();
    table.iter().enumerate().fold(G1::identity(), |sum, (window, multiples)| {
        let digit = (0..WINDOW_BITS).rev().fold(0_usize, |digit, bit| {
            let at = window * WINDOW_BITS + bit;
            let byte = repr.as_ref().get(at / 8).copied().unwrap_or(0);
            digit << 1 | usize::from(byte >> (at % 8) & 1)
        });
        multiples.get(digit).map_or(sum, |multiple| sum + multiple)
    })
}

/// How much of the whole is done.
#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::float_arithmetic,
    reason = "a display value"
)]
pub(crate) fn fraction(done: usize, whole: usize) -> f64 {
    (done as f64 / whole.max(1) as f64).min(1.0)
}

#[cfg(test)]
mod tests;
