use light_poseidon::{Poseidon, PoseidonHasher};

use super::*;
use crate::gadgets::{
    bits::allocate,
    testing::{Synthesis, Synthesize, arbitrary, check_names, field, from_ark, to_ark},
};

/// Hashes words, with a tag if there is one; the hash is the last variable but for what follows.
struct Hash<'a> {
    tag: Option<&'a str>,
    words: Vec<Fr>,
}

impl Synthesize for Hash<'_> {
    fn synthesize<CS: ConstraintSystem<Fr>>(&self, cs: &mut CS) -> Result<(), SynthesisError> {
        let words = (self.words.iter().enumerate())
            .map(|(index, word)| allocate(cs.namespace(|| format!("word {index}")), Some(*word)))
            .collect::<Result<Vec<_>, _>>()?;
        match self.tag {
            None => hash(cs.namespace(|| "hash"), &words)?,
            Some(tag) => chain_hash(cs.namespace(|| "hash"), tag, &words)?,
        };
        Ok(())
    }
}

/// The circuit is satisfied, yields `expected`, and leaves the prover no choice.
fn check(circuit: &Hash<'_>, expected: Fr) {
    let mut synthesis = Synthesis::of(circuit);
    assert!(synthesis.is_satisfied());
    assert_eq!(synthesis.aux.last(), Some(&expected));
    assert_eq!(synthesis.free_variables(), Vec::<usize>::new());
    assert_eq!(synthesis.open_dimensions(circuit.words.len()), 0);
    check_names(circuit);
}

fn reference(words: &[Fr]) -> Fr {
    let words: Vec<_> = words.iter().copied().map(to_ark).collect();
    let mut poseidon = Poseidon::<ark_bn254::Fr>::new_circom(words.len()).unwrap();
    from_ark(poseidon.hash(&words).unwrap())
}

/// Every arity agrees with light-poseidon on arbitrary words and on the edges of the field.
#[test]
fn agrees_with_light_poseidon() {
    for inputs in 1..=MAX_INPUTS {
        for seed in 0..20 {
            let words: Vec<_> = arbitrary(seed).take(inputs).collect();
            assert_eq!(hash_native(&words), Some(reference(&words)));
        }
        for word in [Fr::ZERO, Fr::ONE, -Fr::ONE] {
            let words = vec![word; inputs];
            assert_eq!(hash_native(&words), Some(reference(&words)));
        }
    }
    assert_eq!(hash_native(&[]), None);
    assert_eq!(hash_native(&[Fr::ONE; MAX_INPUTS + 1]), None);
}

/// Every arity agrees with circomlib: the hashes of 1, 2, …, n by the npm package poseidon-lite
/// 0.3, which tests itself against circomlibjs.
#[test]
fn agrees_with_circomlib() {
    let expected = [
        "18586133768512220936620570745912940619677854269274689475585506675881198879027",
        "7853200120776062878684798364095072458815029376092732009249414926327459813530",
        "6542985608222806190361240322586112750744169038454362455181422643027100751666",
        "18821383157269793795438455681495246036402687001665670618754263018637548127333",
        "6183221330272524995739186171720101788151706631170188140075976616310159254464",
        "20400040500897583745843009878988256314335038853985262692600694741116813247201",
        "12748163991115452309045839028154629052133952896122405799815156419278439301912",
        "18604317144381847857886385684060986177838410221561136253933256952257712543953",
        "13589767895268936107593642967621470491511464502761040466226072462545218539640",
        "3657500514307717306974218405144578736633140001277925127187636780142269815841",
        "3572015662710076994097916907865950486270383304442561406230608893458731714472",
        "2501997477381648492950318384533644783248002172679259592360114615426357826485",
    ];
    for (last, expected) in (1..).zip(expected) {
        let words: Vec<_> = (1..=last).map(Fr::from).collect();
        assert_eq!(hash_native(&words), Some(field(expected)));
    }
}

/// The circuit computes the native hash and determines every variable, for every arity.
#[test]
fn circuit_is_the_native_hash() {
    for inputs in 1..=MAX_INPUTS {
        let words: Vec<_> = arbitrary(3).take(inputs).collect();
        let expected = reference(&words);
        check(&Hash { tag: None, words }, expected);
    }
    let zeros = vec![Fr::ZERO; 5];
    let expected = reference(&zeros);
    check(&Hash { tag: None, words: zeros }, expected);
}

/// The chained hash is light-poseidon's of arity twelve, chained by hand.
#[test]
fn chain_is_the_specified_one() {
    for length in [1, 10, 11, 12, 22, 37] {
        let words: Vec<_> = arbitrary(9).take(length).collect();
        // "netfold.state.v1" is 16 bytes: the tag word is its integer times 2^32 plus the count.
        let mut tag = b"netfold.state.v1".to_vec();
        tag.extend(u32::try_from(length).unwrap().to_be_bytes());
        let tag = ark_ff::PrimeField::from_be_bytes_mod_order(&tag);
        let expected = words.chunks(11).fold(from_ark(tag), |digest, chunk| {
            let mut block = vec![digest];
            block.extend_from_slice(chunk);
            block.resize(12, Fr::ZERO);
            reference(&block)
        });
        assert_eq!(chain_hash_native("netfold.state.v1", &words), Some(expected));
        check(&Hash { tag: Some("netfold.state.v1"), words }, expected);
    }
}

/// Tags, lengths and words all change a chained hash; no words and long tags are refused.
#[test]
fn chain_separates() {
    let words = [Fr::ONE, Fr::from(2)];
    let digest = chain_hash_native("a", &words);
    assert_ne!(digest, chain_hash_native("b", &words));
    assert_ne!(digest, chain_hash_native("a", &[Fr::ONE, Fr::from(2), Fr::ZERO]));
    assert_ne!(digest, chain_hash_native("a", &[Fr::from(2), Fr::ONE]));
    assert_eq!(chain_hash_native("a", &[]), None);
    assert!(chain_hash_native("exactly 23 characters..", &words).is_some());
    assert_eq!(chain_hash_native("exactly 24 characters...", &words), None);
    assert_eq!(chain_hash_native("é", &words), None);
}

/// The sizes that the step circuit is budgeted with: constraints and non-zeros.
#[test]
fn size_is_as_budgeted() {
    let size = |tag, count| Synthesis::of(&Hash { tag, words: vec![Fr::ONE; count] }).size();
    assert_eq!(size(None, 2), (253, 1223));
    assert_eq!(size(None, 5), (342, 2154));
    assert_eq!(size(None, 12), (541, 4797));
    assert_eq!(size(Some("netfold.state.v1"), 154), (7572, 67_147));
}
