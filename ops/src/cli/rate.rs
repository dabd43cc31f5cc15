//! What is said of rates to whoever serves the api.

use std::num::NonZeroU32;
use std::time::Duration;

use clap::Args;

/// How often each caller may ask.
#[derive(Debug, Args)]
pub(crate) struct RateArguments {
    /// Requests a second that read, of each api key; with --access open of each address. 0 is no bound.
    #[arg(long, value_name = "NUMBER", env = "NETFOLD_RATE_KEY_READS", default_value_t = 1000)]
    rate_key_reads: u32,
    /// Requests a second that write or simulate, of each api key; with --access open of each address. 0 is no bound.
    #[arg(long, value_name = "NUMBER", env = "NETFOLD_RATE_KEY_WRITES", default_value_t = 1000)]
    rate_key_writes: u32,
    /// Requests a second that read, of each address without a key. 0 is no bound.
    #[arg(long, value_name = "NUMBER", env = "NETFOLD_RATE_READS", default_value_t = 100)]
    rate_reads: u32,
    /// Requests a second that write or simulate, of each address without a key. 0 is no bound.
    #[arg(long, value_name = "NUMBER", env = "NETFOLD_RATE_WRITES", default_value_t = 20)]
    rate_writes: u32,
    /// For how many seconds a caller who was quiet before may ask as fast as they can.
    #[arg(long, value_name = "SECONDS", env = "NETFOLD_RATE_BURST", default_value_t = 10)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=3600))]
    rate_burst: u32,
    /// A proxy in front, or a network of them, whose x-forwarded-for says who asks; may be repeated. Without it whoever
    /// is connected does.
    #[arg(
        long,
        value_name = "ADDRESS|NETWORK",
        env = "NETFOLD_TRUSTED_PROXY",
        value_delimiter = ','
    )]
    trusted_proxy: Vec<api::Network>,
}

impl RateArguments {
    pub(crate) fn limits(&self) -> api::RateLimits {
        let rates = |reads, writes| api::Rates {
            reads: NonZeroU32::new(reads),
            writes: NonZeroU32::new(writes),
        };
        api::RateLimits {
            keys: rates(self.rate_key_reads, self.rate_key_writes),
            addresses: rates(self.rate_reads, self.rate_writes),
            burst: Duration::from_secs(self.rate_burst.into()),
            trusted_proxies: self.trusted_proxy.clone(),
        }
    }
}
