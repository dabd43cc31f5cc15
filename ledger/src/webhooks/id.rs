//! What a webhook is named by.

use std::fmt;
use std::str::FromStr;

/// Names a webhook: 16 hex digits, at random.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct WebhookId(u64);

/// Text that names no webhook.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a webhook is named by 16 hex digits")]
pub struct WebhookIdError;

impl WebhookId {
    /// The name of random bytes.
    #[must_use]
    pub const fn from_random(bytes: [u8; 8]) -> Self {
        Self(u64::from_be_bytes(bytes))
    }

    /// Its bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }
}

impl fmt::Display for WebhookId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for WebhookId {
    type Err = WebhookIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != DIGITS || !text.bytes().all(is_digit) {
            return Err(WebhookIdError);
        }
        u64::from_str_radix(text, 16).map(Self).map_err(|_| WebhookIdError)
    }
}

const DIGITS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// A name reads as it is written, and in no other form.
    #[test]
    fn a_webhook_has_one_name() {
        let id = WebhookId::from_random([0, 1, 2, 3, 4, 5, 6, 0xab]);
        assert_eq!(id.to_string(), "00010203040506ab");
        assert_eq!(id.to_string().parse(), Ok(id));
        for wrong in ["", "1", "00010203040506AB", "+0010203040506ab", "00010203040506ab0"] {
            assert_eq!(wrong.parse::<WebhookId>(), Err(WebhookIdError), "{wrong}");
        }
    }
}
