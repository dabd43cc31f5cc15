//! A key as its holder has it: `nf_`, the public part, `_`, the secret.

use std::fmt;
use std::str::FromStr;

use alloy_primitives::{B256, hex};
use sha2::{Digest, Sha256};

/// The public part of a key, by which it is named: 16 hex digits.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ApiKeyId(u64);

/// Text that names no key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a key is named by the 16 hex digits after nf_")]
pub struct ApiKeyIdError;

/// A whole key. Whoever has it may do what it may, so it does not show itself by accident.
#[derive(Clone, Eq, PartialEq)]
pub struct ApiKeySecret {
    id: ApiKeyId,
    text: String,
}

impl ApiKeySecret {
    /// The key of random bytes: the public ones, and those that nobody can guess.
    #[must_use]
    pub fn from_random(id: [u8; 8], secret: [u8; 32]) -> Self {
        let id = ApiKeyId(u64::from_be_bytes(id));
        Self { id, text: format!("{PREFIX}{id}_{}", hex::encode(secret)) }
    }

    /// Reads a key; `None` for what is none by its form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let is_secret = secret.len() == SECRET_DIGITS && secret.bytes().all(is_digit);
        let id = id.parse().ok().filter(|_| is_secret)?;
        Some(Self { id, text: text.to_owned() })
    }

    /// Its public part.
    #[must_use]
    pub fn id(&self) -> ApiKeyId {
        self.id
    }

    /// Its hash, which is what is kept of it. Compared, it tells by the time that this takes at most the hash.
    #[must_use]
    pub fn digest(&self) -> B256 {
        B256::new(Sha256::digest(&self.text).into())
    }

    /// The key itself, for whoever it was made for.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for ApiKeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}_…", self.id)
    }
}

impl fmt::Display for ApiKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for ApiKeyId {
    type Err = ApiKeyIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() != ID_DIGITS || !text.bytes().all(is_digit) {
            return Err(ApiKeyIdError);
        }
        u64::from_str_radix(text, 16).map(Self).map_err(|_| ApiKeyIdError)
    }
}

fn is_digit(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// Tells people, and those who look for lost secrets, what it is.
const PREFIX: &str = "nf_";
const ID_DIGITS: usize = 16;
const SECRET_DIGITS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    /// A key reads as it was made, in no other form, and is not in what is printed of it.
    #[test]
    fn keys_have_one_form() {
        let made = ApiKeySecret::from_random([1; 8], [0xab; 32]);
        let text = made.expose();
        assert_eq!(text, format!("nf_0101010101010101_{}", "ab".repeat(32)));
        assert_eq!(ApiKeySecret::parse(text), Some(made.clone()));
        assert_eq!(made.id().to_string().parse(), Ok(made.id()));
        assert!(!format!("{made:?}").contains("abab"));
        for wrong in [
            "",
            "nf_",
            &text[1..],
            &text[..text.len() - 1],
            &text.to_uppercase(),
            &text.replace("nf_0", "nf_g"),
            &text.replacen('_', "-", 1),
            &format!("{text}a"),
            &format!(" {text}"),
        ] {
            assert_eq!(ApiKeySecret::parse(wrong), None, "{wrong}");
        }
        for wrong in ["", "1", "010101010101010g", "01010101010101011", "+101010101010101"] {
            assert_eq!(wrong.parse::<ApiKeyId>(), Err(ApiKeyIdError), "{wrong}");
        }
    }
}
