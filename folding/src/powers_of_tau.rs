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

mod check;

use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use ff::{Field, FromUniformBytes, PrimeField};
use halo2curves::{
    bn256::{Fr, G1, G1Affine, G2, G2Affine},
    group::{Curve, Group, prime::PrimeCurveAffine},
};
use nova_snark::provider::write_ptau;
use rayon::prelude::*;
use sha2::{Digest, Sha512};

pub(crate) use self::check::check_ceremony;
pub use self::check::{PowersOfTau, check_powers_of_tau};
use crate::{Error, error::PowersOfTauFault, file::replace_file};

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
    match check::outline(&path)? {
        Ok(_) => Ok(path),
        Err(reason) => Err(Error::PowersOfTau { path, reason }),
    }
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
