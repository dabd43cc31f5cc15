//! Powers-of-tau files: the structured reference string behind HyperKZG.
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
    io::{BufReader, BufWriter, Write},
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
    let powers = development_powers(tau, 1 << power, progress);
    let tau_h = (G2::generator() * tau).to_affine();
    replace_file(&path, |file| {
        let mut file = BufWriter::new(file);
        write_ptau(&mut file, powers, vec![G2Affine::generator(), tau_h], power)
            .map_err(std::io::Error::other)?;
        file.flush()
    })
}

/// The smallest file of a directory with at least `2^power` powers, as nova-snark chooses it.
pub(crate) fn find(directory: &Path, power: u32) -> Result<PathBuf, Error> {
    (power..=LARGEST_POWER)
        .flat_map(|power| [pruned_name(power), original_name(power)])
        .map(|name| directory.join(name))
        .find(|path| path.exists())
        .ok_or_else(|| Error::PowersOfTau {
            path: directory.to_owned(),
            reason: PowersOfTauFault::Missing { power },
        })
}

/// Checks that the first `2^power` points of a file are powers of one tau:
/// `e(Σ rⁱ·Pᵢ₊₁, H) = e(Σ rⁱ·Pᵢ, τH)` for an `r` that depends on all points, and `P₀ = G`.
pub(crate) fn check_consistent(path: &Path, power: u32) -> Result<(), Error> {
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
fn development_powers(tau: Fr, count: usize, progress: &mut dyn FnMut(f64)) -> Vec<G1Affine> {
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
