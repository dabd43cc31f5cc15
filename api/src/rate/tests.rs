//! The buckets, by a clock of the tests'.

use super::*;

fn limiter(reads: u32, burst_s: u64) -> Limiter {
    let rates = Rates { reads: NonZeroU32::new(reads), writes: NonZeroU32::new(1) };
    let keys = Rates { reads: NonZeroU32::new(50), writes: None };
    let burst = Duration::from_secs(burst_s);
    let limits = RateLimits { addresses: rates, keys, burst, ..RateLimits::default() };
    Limiter::new(limits, false)
}

fn from(number: u32) -> Who {
    Who::Address(IpAddr::V4(number.into()))
}

/// How many requests are taken one right after the other, and how long to wait then.
fn taken(limiter: &Limiter, who: Who, kind: Kind, now: Instant) -> (u64, u64) {
    (0..)
        .find_map(|count| limiter.take(who, kind, now).err().map(|refused| (count, refused.wait_s)))
        .unwrap()
}

/// A bucket holds its burst and no more, fills at its rate, and a refusal takes nothing out of it.
#[test]
fn a_bucket_fills_at_its_rate() {
    let limiter = limiter(2, 5);
    let began = Instant::now();
    let after = |seconds| began.checked_add(Duration::from_secs(seconds)).unwrap();
    assert_eq!(taken(&limiter, from(1), Kind::Read, began), (10, 1));
    assert_eq!(taken(&limiter, from(1), Kind::Read, began), (0, 1));
    assert_eq!(taken(&limiter, from(1), Kind::Read, after(1)), (2, 1));
    assert_eq!(taken(&limiter, from(1), Kind::Read, after(1000)), (10, 1));
    assert_eq!(limiter.refused()[2].count, 4);
}

/// Callers, and reads and writes, have buckets of their own; a bound that is not set is none.
#[test]
fn each_has_its_own() {
    let limiter = limiter(3, 1);
    let now = Instant::now();
    assert_eq!(taken(&limiter, from(1), Kind::Read, now), (3, 1));
    assert_eq!(taken(&limiter, from(2), Kind::Read, now), (3, 1));
    assert_eq!(taken(&limiter, from(1), Kind::Write, now), (1, 1));
    assert_eq!(taken(&limiter, from(1), Kind::UnseenKey, now), (3, 1));
    let key = Who::Key(ledger::ApiKeySecret::from_random([1; 8], [2; 32]).id());
    assert_eq!(taken(&limiter, key, Kind::Read, now), (50, 1));
    assert!((0..10_000).all(|_| limiter.take(key, Kind::Write, now).is_ok()));
}

/// However many callers there are, what is kept is bounded; who came before is not forgotten for it, those who find no
/// place share one bucket, and places are free again once their buckets are full.
#[test]
fn many_callers_fill_no_memory() {
    let limiter = limiter(1, 3);
    let began = Instant::now();
    assert_eq!(taken(&limiter, from(0), Kind::Read, began), (3, 1));
    let most = u32::try_from(table::MOST_CALLERS).unwrap();
    for number in 1..most {
        assert!(limiter.take(from(number), Kind::Read, began).is_ok());
    }
    let accepted = (most..most.saturating_mul(3))
        .filter(|number| limiter.take(from(*number), Kind::Read, began).is_ok());
    assert_eq!(accepted.count(), 3);
    assert_eq!(locked(&limiter.addresses).len(), table::MOST_CALLERS);
    assert!(limiter.take(from(0), Kind::Read, began).is_err());
    // All but the first have filled up again by then.
    let later = began.checked_add(Duration::from_secs(2)).unwrap();
    assert_eq!(taken(&limiter, from(most), Kind::Read, later), (3, 1));
    assert_eq!(taken(&limiter, from(0), Kind::Read, later), (2, 1));
    assert_eq!(locked(&limiter.addresses).len(), 2);
}
