//! Settlement keys and signatures: EdDSA over BabyJubJub with Poseidon, as circomlib's.
//!
//! A signature `(R8, S)` of message `M` under key `A` is valid when `S·B8 = R8 + 8·h·A` with
//! `h = Poseidon(R8x, R8y, Ax, Ay, M)` and `S` below the subgroup's order. Sources: RFC 8032 §5.1,
//! ERC-2494 (the curve), circomlib's `eddsaposeidon.circom`. Libraries such as
//! `@zk-kit/eddsa-poseidon` (its `blake-2b` form) make the same keys and signatures.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "field and curve arithmetic is total: it neither overflows nor panics"
)]

use std::sync::OnceLock;

use alloy_primitives::B256;
use ark_ec::{AffineRepr, CurveGroup, twisted_edwards::TECurveConfig};
use ark_ff::{AdditiveGroup, BigInteger, Field, PrimeField, Zero};
use blake2::{Blake2b512, Digest};
use serde::{Deserialize, Serialize};
use taceo_ark_babyjubjub::{EdwardsAffine, EdwardsConfig, EdwardsProjective, Fr as Scalar};

use crate::{Word, hash};

/// The public key by which a rollup's batches are checked.
///
/// Invariant: on the curve, and of full order after clearing the cofactor (`8·A` is not the
/// identity).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "KeyCoordinates", into = "KeyCoordinates")]
pub struct SettlementKey {
    x: Word,
    y: Word,
}

#[derive(Serialize, Deserialize)]
struct KeyCoordinates {
    x: Word,
    y: Word,
}

/// A signature over one word. Parsed, not yet valid for anything.
///
/// Invariant: `S` is below the subgroup's order, so that a signature has one form only.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "SignatureParts", into = "SignatureParts")]
pub struct Signature {
    r8: [Word; 2],
    s: B256,
}

#[derive(Serialize, Deserialize)]
struct SignatureParts {
    r8x: Word,
    r8y: Word,
    s: B256,
}

/// The secret from which a rollup signs.
#[derive(Clone)]
pub struct SigningKey {
    scalar: Scalar,
    nonce_seed: [u8; 32],
    public: SettlementKey,
}

/// Why something is no key or signature.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyError {
    /// The coordinates satisfy no curve equation.
    #[error("({x}, {y}) is not a point of BabyJubJub")]
    NotOnCurve {
        /// First coordinate.
        x: Word,
        /// Second coordinate.
        y: Word,
    },
    /// One of the eight points that sign for everybody.
    #[error("({x}, {y}) is a point of small order")]
    SmallOrder {
        /// First coordinate.
        x: Word,
        /// Second coordinate.
        y: Word,
    },
    /// `S` at or above the subgroup's order: a second form of another signature.
    #[error("the signature's S {s} is not below the subgroup's order")]
    Malleable {
        /// The scalar.
        s: B256,
    },
}

impl SettlementKey {
    /// A key from its affine coordinates in circomlib's form of the curve.
    ///
    /// # Errors
    /// [`KeyError::NotOnCurve`] or [`KeyError::SmallOrder`].
    pub fn new(x: Word, y: Word) -> Result<Self, KeyError> {
        let point = point(x, y).ok_or(KeyError::NotOnCurve { x, y })?;
        if point.mul_by_cofactor().is_zero() {
            return Err(KeyError::SmallOrder { x, y });
        }
        Ok(Self { x, y })
    }

    /// First coordinate.
    #[must_use]
    pub fn x(&self) -> Word {
        self.x
    }

    /// Second coordinate.
    #[must_use]
    pub fn y(&self) -> Word {
        self.y
    }

    /// Whether the signature is this key's over the message.
    #[must_use]
    pub fn verifies(&self, message: Word, signature: &Signature) -> bool {
        let [r8x, r8y] = signature.r8;
        let (Some(r8), Some(key)) = (point(r8x, r8y), point(self.x, self.y)) else {
            return false;
        };
        let challenge = hash([r8x, r8y, self.x, self.y, message]).to_bytes();
        let base = BASE.get_or_init(|| multiples(EdwardsAffine::generator().into_group()));
        let minus_key8 = multiples(-key.mul_by_cofactor_to_group());
        sum_of_multiples([(base, &signature.s), (&minus_key8, &challenge)]) == r8.into_group()
    }
}

impl Signature {
    /// A signature from its parts.
    ///
    /// # Errors
    /// [`KeyError::Malleable`] when `s` is not below the subgroup's order.
    pub fn new(r8: [Word; 2], s: B256) -> Result<Self, KeyError> {
        let scalar = Scalar::from_be_bytes_mod_order(s.as_slice());
        if scalar_bytes(scalar) != s {
            return Err(KeyError::Malleable { s });
        }
        Ok(Self { r8, s })
    }

    /// The point `R8`, as coordinates; whether it is on the curve is checked when verifying.
    #[must_use]
    pub fn r8(&self) -> [Word; 2] {
        self.r8
    }

    /// The scalar `S`, 32 bytes big-endian.
    #[must_use]
    pub fn s(&self) -> B256 {
        self.s
    }
}

impl SigningKey {
    /// The key of a 32-byte secret seed: Blake2b-512, pruned as in RFC 8032 §5.1.5, in
    /// circomlib's way (the signing scalar is the pruned one divided by 8, applied to `B8`).
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let digest: [u8; 64] = Blake2b512::digest(seed).into();
        let (low, high) = digest.split_at(32);
        let mut pruned = [0_u8; 32];
        pruned.copy_from_slice(low);
        let [first, .., last] = &mut pruned;
        *first &= 0xf8;
        *last = (*last & 0x7f) | 0x40;
        let mut nonce_seed = [0_u8; 32];
        nonce_seed.copy_from_slice(high);
        let scalar = Scalar::from_le_bytes_mod_order(&pruned);
        let eighth = Scalar::from(8_u64).inverse().unwrap_or_else(Scalar::zero) * scalar;
        let (x, y) = coordinates((EdwardsAffine::generator() * eighth).into_affine());
        Self { scalar, nonce_seed, public: SettlementKey { x, y } }
    }

    /// The key that others check against.
    #[must_use]
    pub fn public(&self) -> SettlementKey {
        self.public
    }

    /// Signs one word, deterministically: the nonce is a hash of the secret and the message.
    #[must_use]
    pub fn sign(&self, message: Word) -> Signature {
        let mut message_le = message.to_bytes().0;
        message_le.reverse();
        let nonce: [u8; 64] = Blake2b512::new()
            .chain_update(self.nonce_seed)
            .chain_update(message_le)
            .finalize()
            .into();
        let nonce = Scalar::from_le_bytes_mod_order(&nonce);
        let (r8x, r8y) = coordinates((EdwardsAffine::generator() * nonce).into_affine());
        let challenge = hash([r8x, r8y, self.public.x, self.public.y, message]);
        let challenge =
            Scalar::from_le_bytes_mod_order(&challenge.field().into_bigint().to_bytes_le());
        Signature { r8: [r8x, r8y], s: scalar_bytes(nonce + challenge * self.scalar) }
    }
}

impl std::fmt::Debug for SigningKey {
    /// Shows the public half only: a secret never reaches a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("public", &self.public).finish_non_exhaustive()
    }
}

impl TryFrom<KeyCoordinates> for SettlementKey {
    type Error = KeyError;

    fn try_from(key: KeyCoordinates) -> Result<Self, KeyError> {
        Self::new(key.x, key.y)
    }
}

impl From<SettlementKey> for KeyCoordinates {
    fn from(key: SettlementKey) -> Self {
        Self { x: key.x, y: key.y }
    }
}

impl TryFrom<SignatureParts> for Signature {
    type Error = KeyError;

    fn try_from(parts: SignatureParts) -> Result<Self, KeyError> {
        Self::new([parts.r8x, parts.r8y], parts.s)
    }
}

impl From<Signature> for SignatureParts {
    fn from(signature: Signature) -> Self {
        let [r8x, r8y] = signature.r8;
        Self { r8x, r8y, s: signature.s }
    }
}

/// Of the generator.
static BASE: OnceLock<Multiples> = OnceLock::new();

/// A point's multiples from 0 to 15: half a byte of a scalar chooses one.
type Multiples = [EdwardsProjective; 16];

fn multiples(point: EdwardsProjective) -> Multiples {
    let mut next = EdwardsProjective::zero();
    [(); 16].map(|()| {
        let this = next;
        next += point;
        this
    })
}

/// The sum of each point times its scalar, 32 bytes big-endian: half a byte of both at a time, so that
/// they share the doublings. Neither point nor scalar is a secret here.
fn sum_of_multiples(terms: [(&Multiples, &B256); 2]) -> EdwardsProjective {
    let [(first, s), (second, t)] = terms;
    let halves = |bytes: &B256| bytes.0.map(|byte| [byte >> 4, byte & 15]).concat();
    let mut sum = EdwardsProjective::zero();
    for (s, t) in halves(s).into_iter().zip(halves(t)) {
        for _ in 0..4 {
            sum.double_in_place();
        }
        for multiple in [first.get(usize::from(s)), second.get(usize::from(t))] {
            sum += multiple.unwrap_or_else(|| unreachable!("half a byte is below 16"));
        }
    }
    sum
}

/// The curve's point, or nothing when the coordinates are not on it.
fn point(x: Word, y: Word) -> Option<EdwardsAffine> {
    let (x, y) = (x.field(), y.field());
    let (x2, y2) = (x.square(), y.square());
    let (a, d) = (EdwardsConfig::COEFF_A, EdwardsConfig::COEFF_D);
    (a * x2 + y2 == ark_bn254::Fr::ONE + d * x2 * y2).then(|| EdwardsAffine::new_unchecked(x, y))
}

fn coordinates(point: EdwardsAffine) -> (Word, Word) {
    (Word::from_field(point.x), Word::from_field(point.y))
}

fn scalar_bytes(scalar: Scalar) -> B256 {
    B256::left_padding_from(&scalar.into_bigint().to_bytes_be())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::U256;

    fn signing_key() -> SigningKey {
        SigningKey::from_seed([3; 32])
    }

    #[test]
    fn a_signature_is_valid_for_its_key_and_message_only() {
        let message = Word::from(99_u64);
        let signature = signing_key().sign(message);
        assert!(signing_key().public().verifies(message, &signature));
        assert!(!signing_key().public().verifies(Word::from(98_u64), &signature));
        assert!(!SigningKey::from_seed([4; 32]).public().verifies(message, &signature));
    }

    /// The equation as it is written, term by term: for signatures that hold, and for points outside
    /// the subgroup, which it lets pass in R8 alone where it lets them pass.
    #[test]
    fn verifying_is_the_equation() {
        let by_the_book = |key: SettlementKey, message, signature: &Signature| {
            let [r8x, r8y] = signature.r8;
            let r8 = point(r8x, r8y).unwrap();
            let challenge = hash([r8x, r8y, key.x, key.y, message]).field().into_bigint();
            let scalar = Scalar::from_be_bytes_mod_order(signature.s.as_slice());
            let key8 = point(key.x, key.y).unwrap().mul_by_cofactor();
            EdwardsAffine::generator() * scalar == key8.mul_bigint(challenge) + r8
        };
        // (0, -1) has order two.
        let weak = EdwardsAffine::new_unchecked(ark_bn254::Fr::ZERO, -ark_bn254::Fr::ONE);
        let mut held = 0;
        for n in 0_u8..24 {
            let signing = SigningKey::from_seed([n; 32]);
            let message = Word::from(u64::from(n));
            let signature = signing.sign(message);
            let moved = |x, y| coordinates((point(x, y).unwrap() + weak).into_affine());
            let (x, y) = moved(signing.public.x, signing.public.y);
            let [r8x, r8y] = signature.r8;
            let shifted = Signature { r8: moved(r8x, r8y).into(), s: signature.s };
            for key in [signing.public, SettlementKey::new(x, y).unwrap()] {
                for signature in [signature, shifted, Signature { s: B256::ZERO, ..signature }] {
                    let expected = by_the_book(key, message, &signature);
                    assert_eq!(key.verifies(message, &signature), expected);
                    held += u8::from(expected);
                }
            }
        }
        assert_eq!(held, 24);
    }

    #[test]
    fn a_second_form_of_a_signature_is_refused() {
        let signature = signing_key().sign(Word::from(1_u64));
        let order = U256::from_be_slice(&Scalar::MODULUS.to_bytes_be());
        let shifted = U256::from_be_bytes(signature.s().0) + order;
        let refused = Signature::new(signature.r8(), B256::from(shifted));
        assert!(matches!(refused, Err(KeyError::Malleable { .. })));
    }

    #[test]
    fn weak_keys_are_refused() {
        let minus_one = Word::from_field(-ark_bn254::Fr::ONE);
        for (x, y) in [(Word::ZERO, Word::from(1_u64)), (Word::ZERO, minus_one)] {
            assert_eq!(SettlementKey::new(x, y), Err(KeyError::SmallOrder { x, y }));
        }
        let off = SettlementKey::new(Word::from(1_u64), Word::from(1_u64));
        assert!(matches!(off, Err(KeyError::NotOnCurve { .. })));
        let unset = SettlementKey::new(Word::ZERO, Word::ZERO);
        assert!(matches!(unset, Err(KeyError::NotOnCurve { .. })));
    }

    /// Made by npm's `@zk-kit/eddsa-poseidon` 1.1.0, entry `blake-2b`: `derivePublicKey` and
    /// `signMessage` of a buffer of 32 bytes 3 and the message 99.
    #[test]
    fn agrees_with_a_javascript_library() {
        let word = |text: &str| Word::from_bytes(text.parse().unwrap()).unwrap();
        let key = SettlementKey::new(
            word("0x1a050a1af39558566294ad2afa8a4a4412f4c54c68b45c82844f7cd304016347"),
            word("0x1d82d5d4233ce30ba240236803f4cd9b5924799b1f045542646bea1eef3e2e8d"),
        )
        .unwrap();
        let r8 = [
            word("0x1ea2550666155ac3cc23528abd4b16804a52c49fff73f813b776ba6465c7ad75"),
            word("0x226e942481bada04c5255031b7eb0557791f188e3893811cf91ba2db2e9d83c3"),
        ];
        let s = "0x01cdd9fdb6c7586d6e9261cb0658a974ed6f90b5eead00185dc595183950ce30";
        let theirs = Signature::new(r8, s.parse().unwrap()).unwrap();
        let message = Word::from(99_u64);
        assert_eq!(signing_key().public(), key);
        assert_eq!(signing_key().sign(message), theirs);
        assert!(key.verifies(message, &theirs));
    }

    #[test]
    fn a_key_is_rebuilt_from_its_coordinates_only_when_valid() {
        let key = signing_key().public();
        let again = KeyCoordinates::from(key).try_into();
        assert_eq!(again, Ok(key));
        let off = KeyCoordinates { x: key.x(), y: key.x() };
        assert!(SettlementKey::try_from(off).is_err());
    }
}
