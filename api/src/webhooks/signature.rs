//! What deliveries are signed with, by the scheme of Standard Webhooks.
//!
//! **Invariant:** a webhook's secret follows from the master secret and its id, and is kept nowhere: whoever reads
//! the database or a copy of it can sign nothing. None of them shows itself by accident.

use std::fmt;

use alloy_primitives::B256;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use ledger::WebhookId;
use sha2::{Digest, Sha256};

/// What all webhooks' secrets follow from. Every process that sends has the same.
#[derive(Clone)]
pub struct WebhookMaster(String);

/// A master secret that could be guessed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "a webhook secret has at least {SHORTEST} characters, such as those of `openssl rand -hex 32`"
)]
pub struct WebhookMasterError;

/// What one webhook's deliveries are signed with.
pub(super) struct Secret([u8; 32]);

impl WebhookMaster {
    /// Takes a secret of at least 32 characters.
    ///
    /// # Errors
    /// [`WebhookMasterError`] for a shorter one.
    pub fn new(text: &str) -> Result<Self, WebhookMasterError> {
        let text = text.trim();
        if text.len() < SHORTEST { Err(WebhookMasterError) } else { Ok(Self(text.to_owned())) }
    }

    /// The secret of one webhook.
    pub(super) fn secret(&self, id: WebhookId) -> Secret {
        Secret(authenticate(self.0.as_bytes(), &[PURPOSE, &id.to_bytes()]))
    }
}

impl Secret {
    /// Its hash, which is kept.
    pub(super) fn digest(&self) -> B256 {
        B256::new(Sha256::digest(self.0).into())
    }

    /// The secret itself, as libraries for Standard Webhooks take it.
    pub(super) fn expose(&self) -> String {
        format!("whsec_{}", STANDARD.encode(self.0))
    }

    /// What `webhook-signature` says of a message.
    pub(super) fn sign(&self, message: &str, timestamp: i64, body: &[u8]) -> String {
        let head = format!("{message}.{timestamp}.");
        let tag = authenticate(&self.0, &[head.as_bytes(), body]);
        format!("v1,{}", STANDARD.encode(tag))
    }
}

impl fmt::Debug for WebhookMaster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookMaster(…)")
    }
}

/// HMAC-SHA256 of the parts, one after the other.
#[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
fn authenticate(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

const PURPOSE: &[u8] = b"netfold.webhook.v1";
const SHORTEST: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification of Standard Webhooks is signed as it says.
    #[test]
    fn the_published_example_is_signed() {
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = br#"{"test": 2432232314}"#;
        let parts: [&[u8]; 2] = [b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.", body];
        let tag = STANDARD.encode(authenticate(&key, &parts));
        assert_eq!(tag, "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    /// Secrets differ with the webhook and with the master, and a master that can be guessed is refused.
    #[test]
    fn secrets_follow_from_the_master_and_the_id() {
        let master = |text| WebhookMaster::new(text).unwrap();
        let one = master("0123456789abcdef0123456789abcdef");
        let other = master("0123456789abcdef0123456789abcdee");
        let [a, b] = [[1; 8], [2; 8]].map(WebhookId::from_random);
        assert_eq!(one.secret(a).expose(), one.secret(a).expose());
        assert_ne!(one.secret(a).digest(), one.secret(b).digest());
        assert_ne!(one.secret(a).digest(), other.secret(a).digest());
        assert!(!format!("{one:?}").contains("0123"));
        assert_eq!(WebhookMaster::new(" 0123456789abcdef ").unwrap_err(), WebhookMasterError);
    }
}
