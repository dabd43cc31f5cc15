//! When what failed is tried again.
//!
//! **Invariant:** the wait before an attempt follows from the webhook and the attempt's number alone, so it is the
//! same after a restart and whoever looks; and webhooks that failed together do not come back together.

use std::time::Duration;

use ledger::Webhook;
use sha2::{Digest, Sha256};

use super::WebhookSettings;

/// How long to wait after the last failure; nothing without one.
pub(super) fn wait(settings: &WebhookSettings, webhook: &Webhook) -> Duration {
    let Some(doublings) = webhook.failures.checked_sub(1) else { return Duration::ZERO };
    let doublings = u32::try_from(doublings).unwrap_or(u32::MAX).min(31);
    let plain = settings.first_wait.saturating_mul(1_u32.wrapping_shl(doublings));
    let plain = plain.min(settings.longest_wait);
    // From 80 to 120 percent of it.
    let number = webhook.next_attempt().number().to_be_bytes();
    let digest = Sha256::new().chain_update(webhook.id.to_bytes()).chain_update(number).finalize();
    let percent = digest.first().map_or(80, |part| 80_u32.saturating_add(u32::from(part % 41)));
    plain.saturating_mul(percent).checked_div(100).unwrap_or(plain)
}
