#![expect(clippy::arithmetic_side_effects, reason = "field arithmetic cannot overflow")]

use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{BigInteger, BigInteger256, PrimeField, Zero};
use light_poseidon::{Poseidon, PoseidonHasher};
use nova_snark::frontend::AllocatedBit;
use taceo_ark_babyjubjub::{EdwardsAffine, Fr as Scalar};

use super::*;
use crate::gadgets::{
    babyjubjub::tests::{point_from_ark, point_to_ark, torsion},
    testing::{Synthesis, Synthesize, arbitrary, check_names, field, from_ark, to_ark},
};

/// A signature as it is claimed.
#[derive(Clone, Copy, Debug)]
struct Signed {
    key: Point,
    message: Fr,
    r8: Point,
    s: Fr,
}

impl Signed {
    /// The circuit that verifies it.
    fn circuit(self, enabled: bool) -> Circuit {
        Circuit { signed: self, enabled }
    }

    /// Signs with arkworks: `A = secret·B8 + torsion`, `R8 = nonce·B8`, `S = nonce + 8·h·secret`.
    fn make(secret: u64, nonce: u64, message: Fr, torsion: Point) -> Self {
        Self::make_disguised(secret, nonce, message, torsion, |r8| r8)
    }

    /// Signs likewise, but publishes and hashes another commitment than the nonce's.
    fn make_disguised(
        secret: u64,
        nonce: u64,
        message: Fr,
        torsion: Point,
        disguise: impl FnOnce(Point) -> Point,
    ) -> Self {
        let generator = EdwardsAffine::generator();
        let (secret, nonce) = (Scalar::from(secret), Scalar::from(nonce));
        let key = point_from_ark(generator * secret).add(torsion);
        let r8 = disguise(point_from_ark(generator * nonce));
        let hash = challenge(key, r8, message).to_bytes_le();
        let s = nonce + Scalar::from(8) * secret * Scalar::from_le_bytes_mod_order(&hash);
        Self { key, message, r8, s: Fr::from_raw(s.into_bigint().0) }
    }
}

fn challenge(key: Point, r8: Point, message: Fr) -> BigInteger256 {
    let words = [r8.x, r8.y, key.x, key.y, message].map(to_ark);
    Poseidon::<ark_bn254::Fr>::new_circom(5).unwrap().hash(&words).unwrap().into_bigint()
}

/// The verifier as specified, on arkworks and light-poseidon alone.
fn verifies(signed: &Signed) -> bool {
    let (key, r8) = (point_to_ark(signed.key), point_to_ark(signed.r8));
    let s = to_ark(signed.s).into_bigint();
    if !key.is_on_curve() || !r8.is_on_curve() || s >= Scalar::MODULUS {
        return false;
    }
    let eightfold = key.mul_bigint([8_u64]);
    let challenge = challenge(signed.key, signed.r8, signed.message);
    !eightfold.is_zero()
        && EdwardsAffine::generator().mul_bigint(s)
            == eightfold.into_affine().mul_bigint(challenge) + r8
}

struct Circuit {
    signed: Signed,
    enabled: bool,
}

/// Variables of the circuit that are given: the key, the message, the flag.
const GIVEN: usize = 4;

impl Synthesize for Circuit {
    fn synthesize<CS: ConstraintSystem<Fr>>(&self, cs: &mut CS) -> Result<(), SynthesisError> {
        let Signed { key, message, r8, s } = self.signed;
        let x = allocate(cs.namespace(|| "x"), Some(key.x))?;
        let y = allocate(cs.namespace(|| "y"), Some(key.y))?;
        let message = allocate(cs.namespace(|| "message"), Some(message))?;
        let enabled = AllocatedBit::alloc(cs.namespace(|| "enabled"), Some(self.enabled))?;
        let signature = SignatureWitness { r8_x: Some(r8.x), r8_y: Some(r8.y), s: Some(s) };
        let cs = cs.namespace(|| "signature");
        enforce_signature(cs, &enabled.into(), (&x, &y), &signature, &message)
    }
}

/// The circuit and the native verifier both say `valid`; disabled, the circuit takes anything.
fn check(signed: Signed, valid: bool) {
    assert_eq!(verifies(&signed), valid, "natively: {signed:?}");
    assert_eq!(Synthesis::of(&signed.circuit(true)).is_satisfied(), valid, "{signed:?}");
    assert!(Synthesis::of(&signed.circuit(false)).is_satisfied(), "disabled: {signed:?}");
}

/// Signatures made by `signMessage` of the npm package @zk-kit/eddsa-poseidon 1.1.0, for the
/// private keys "netfold one" and "netfold two": first by its entry `blake-1`, then by `blake-2b`.
fn javascript() -> [Signed; 4] {
    [
        [
            "3268688700920685717953164259319922695801982815969442070340279493478046706595",
            "13114510573040833300369717334335332989309064734422816941416154413038248472611",
            "123456789",
            "14220492206905992268183598026637782565227376374293284354223966839245397127654",
            "3368036608165903642274496021011937005965560821966206170701885506318929445986",
            "304788050381283882837009522892974496808539642144607653543146232249496825354",
        ],
        [
            "8503642178815181324692171298820826664952900526714483480116858160455523663980",
            "2484267796668482757430384407918567255331450600036001668919498655753777563134",
            "21888242871839275222246405745257275088548364400416034343698204186575808495616",
            "14775515813265986538627877688856741218969989717485685387034737164263714569528",
            "19271213139739081736025879844561776948858417856963838961094645330180832691431",
            "2078660886859108607198565704244878414119809479737990173514831733989392610190",
        ],
        [
            "8912477560674018070790302447518321837834786050197901417819462626822387554197",
            "10125706433262902529322077828272248888082390071052344312546999613703873088184",
            "123456789",
            "13438100983524573614784472672773919868157272653005716651806083031363295322531",
            "16147706700978520762281336309368540839138319667050691843447470880423726389739",
            "1821752554850031972609205622002513048550034951090088580657050448624995886345",
        ],
        [
            "2963137452089830579024726879481626216993960120320746403822205241937243576996",
            "14337309256151759593359461974546135872495300074907950751861196629083613886218",
            "21888242871839275222246405745257275088548364400416034343698204186575808495616",
            "216896521252280179668936773001387378041280255986502021125907827038546926627",
            "14340830335956692234336264543031337956167316611913554235018342561679402394351",
            "1008338362879242260501383198688285659721183881129409765324596544928271979682",
        ],
    ]
    .map(|[ax, ay, message, rx, ry, s]| Signed {
        key: Point { x: field(ax), y: field(ay) },
        message: field(message),
        r8: Point { x: field(rx), y: field(ry) },
        s: field(s),
    })
}

/// Signatures made by a JavaScript library and by arkworks verify.
#[test]
fn valid_signatures_verify() {
    for signed in javascript() {
        check(signed, true);
    }
    for (secret, message) in (1..6).zip(arbitrary(4)) {
        check(Signed::make(secret, 1000 - secret, message, Point::IDENTITY), true);
    }
    // A nonce of zero is foolish but valid: R8 is the identity.
    check(Signed::make(5, 0, Fr::ONE, Point::IDENTITY), true);
}

/// Another message, key, response or commitment is refused.
#[test]
fn what_was_not_signed_is_refused() {
    let [signed, other, ..] = javascript();
    check(Signed { message: signed.message + Fr::ONE, ..signed }, false);
    check(Signed { key: other.key, ..signed }, false);
    check(Signed { key: signed.key.negate(), ..signed }, false);
    check(Signed { s: signed.s + Fr::ONE, ..signed }, false);
    check(Signed { r8: other.r8, ..signed }, false);
    check(Signed { r8: signed.r8.negate(), ..signed }, false);
    check(Signed { s: -signed.s, ..signed }, false);
}

/// `S + l` has the same multiple of the generator and is refused all the same.
#[test]
fn malleated_response_is_refused() {
    let [signed, ..] = javascript();
    let malleated = signed.s + Fr::from_raw(Scalar::MODULUS.0);
    assert!(to_ark(malleated).into_bigint().num_bits() <= u32::try_from(SCALAR_BITS).unwrap());
    check(Signed { s: malleated, ..signed }, false);
    // Nor does a response past 2^251 verify for its low bits.
    let mut high = BigInteger256::from(1_u64);
    high <<= 251;
    check(Signed { s: signed.s + Fr::from_raw(high.0), ..signed }, false);
}

/// A key or a commitment off the curve is refused.
#[test]
fn off_the_curve_is_refused() {
    let [signed, ..] = javascript();
    let off = |point: Point| Point { x: point.x + Fr::ONE, y: point.y };
    check(Signed { key: off(signed.key), ..signed }, false);
    check(Signed { r8: off(signed.r8), ..signed }, false);
    let zero = Point { x: Fr::ZERO, y: Fr::ZERO };
    check(Signed { key: zero, ..signed }, false);
    check(Signed { r8: zero, ..signed }, false);
}

/// Each of the eight keys of small order is refused, also with the signature that the equation
/// alone would let anyone make: `S·B8 = R8`.
#[test]
fn small_order_keys_are_refused() {
    let [signed, ..] = javascript();
    for key in torsion() {
        check(Signed { key, ..signed }, false);
        let forged = Signed::make(0, 77, Fr::ONE, key);
        assert_eq!(forged.key, key);
        check(forged, false);
    }
}

/// A key with torsion is another key: it verifies what was signed for it, and nothing else.
#[test]
fn keys_with_torsion_are_keys_of_their_own() {
    let [signed, ..] = javascript();
    for torsion in torsion().into_iter().skip(1) {
        check(Signed::make(1234, 5678, Fr::from(9), torsion), true);
        check(Signed { key: signed.key.add(torsion), ..signed }, false);
    }
}

/// A commitment with torsion is refused, also when it is the one that was hashed: the equation is
/// cofactorless. So is one that shares but one coordinate with the right one.
#[test]
fn commitments_with_torsion_are_refused() {
    let [signed, ..] = javascript();
    for torsion in torsion().into_iter().skip(1) {
        check(Signed { r8: signed.r8.add(torsion), ..signed }, false);
        let disguise = |r8: Point| r8.add(torsion);
        check(Signed::make_disguised(31, 41, Fr::ONE, Point::IDENTITY, disguise), false);
    }
    let same_x = |r8: Point| Point { x: r8.x, y: -r8.y };
    check(Signed::make_disguised(31, 41, Fr::ONE, Point::IDENTITY, same_x), false);
    check(Signed::make_disguised(31, 41, Fr::ONE, Point::IDENTITY, Point::negate), false);
    check(Signed::make_disguised(31, 41, Fr::ONE, Point::IDENTITY, |r8| r8), true);
}

/// No variable of a valid signature can change alone, nor do the constraints leave a direction
/// open; disabled, only the caller's own key and message can change.
#[test]
fn nothing_is_left_to_the_prover() {
    let [.., signed] = javascript();
    let mut enabled = Synthesis::of(&signed.circuit(true));
    assert_eq!(enabled.free_variables(), Vec::<usize>::new());
    assert_eq!(enabled.open_dimensions(GIVEN), 0);
    let nothing = Point { x: Fr::ZERO, y: Fr::ZERO };
    let nothing = Signed { key: nothing, message: Fr::ZERO, r8: nothing, s: Fr::ZERO };
    let mut disabled = Synthesis::of(&nothing.circuit(false));
    assert!(disabled.is_satisfied());
    assert_eq!(disabled.free_variables(), [0, 1]);
    check_names(&signed.circuit(true));
    check_names(&nothing.circuit(false));
}

/// Responses that are flipped bit by bit, and replaced as whole decompositions, are refused.
#[test]
fn flipped_bits_are_refused() {
    let [signed, ..] = javascript();
    let honest = Synthesis::of(&signed.circuit(true));
    let bits: Vec<usize> = (GIVEN..honest.aux.len())
        .filter(|index| [Fr::ZERO, Fr::ONE].contains(&honest.aux[*index]))
        .collect();
    let mut flipped = honest;
    for index in bits {
        flipped.aux[index] = Fr::ONE - flipped.aux[index];
        assert!(!flipped.is_satisfied(), "variable {index}");
        flipped.aux[index] = Fr::ONE - flipped.aux[index];
    }
    for shift in (0..251).step_by(10) {
        let mut bit = BigInteger256::from(1_u64);
        bit <<= shift;
        let s = from_ark(to_ark(signed.s) + ark_bn254::Fr::from_bigint(bit).unwrap());
        check(Signed { s, ..signed }, false);
    }
}

/// The size that the step circuit is budgeted with: constraints and non-zeros, the flag's own
/// constraint included.
#[test]
fn size_is_as_budgeted() {
    let [signed, ..] = javascript();
    assert_eq!(Synthesis::of(&signed.circuit(true)).size(), (3334, 16_858));
}
