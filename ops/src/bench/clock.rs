//! Wall and processor time of this process, all its threads together.

#![expect(
    clippy::float_arithmetic,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "figures for people, where rounding does no harm"
)]

use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::{Serialize, Serializer};

/// Runs since it was started.
#[derive(Debug)]
pub(super) struct Clock {
    wall: Instant,
    cpu: Duration,
}

/// What something took.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub(crate) struct Times {
    /// Wall time.
    #[serde(rename = "wall_s", serialize_with = "serialize_seconds")]
    pub(crate) wall: Duration,
    /// Of all processors together, to a hundredth of a second.
    #[serde(rename = "cpu_s", serialize_with = "serialize_seconds")]
    pub(crate) cpu: Duration,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { wall: Instant::now(), cpu: processor_time() }
    }

    pub(super) fn times(&self) -> Times {
        Times { wall: self.wall.elapsed(), cpu: processor_time().saturating_sub(self.cpu) }
    }
}

impl Times {
    /// Both together.
    pub(super) fn plus(self, other: Self) -> Self {
        let (wall, cpu) =
            (self.wall.saturating_add(other.wall), self.cpu.saturating_add(other.cpu));
        Self { wall, cpu }
    }

    /// What is left of it without the other.
    pub(super) fn less(self, other: Self) -> Self {
        let (wall, cpu) =
            (self.wall.saturating_sub(other.wall), self.cpu.saturating_sub(other.cpu));
        Self { wall, cpu }
    }

    /// The median of each.
    pub(super) fn median(all: &[Self]) -> Self {
        let middle = |mut of: Vec<Duration>| {
            of.sort_unstable();
            of.get(of.len() / 2).copied().unwrap_or_default()
        };
        let wall = middle(all.iter().map(|times| times.wall).collect());
        Self { wall, cpu: middle(all.iter().map(|times| times.cpu).collect()) }
    }
}

/// What a piece of work takes.
pub(super) fn timed<E>(work: impl FnOnce() -> Result<(), E>) -> Result<Times, E> {
    let clock = Clock::start();
    work()?;
    Ok(clock.times())
}

/// How often the one contains the other; 0 for what took no time.
pub(super) fn ratio(one: Duration, other: Duration) -> f64 {
    if other.is_zero() { 0.0 } else { round(one.as_secs_f64() / other.as_secs_f64()) }
}

/// How many a second.
pub(super) fn rate(count: usize, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { round(count as f64 / time.as_secs_f64()) }
}

/// As a number of seconds.
pub(super) fn seconds(time: Duration) -> f64 {
    round(time.as_secs_f64())
}

/// As a number of milliseconds.
pub(super) fn milliseconds(time: Duration) -> f64 {
    round(time.as_secs_f64() * 1000.0)
}

/// Of sorted times, the one that so many in a hundred do not exceed.
pub(super) fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let nth = sorted.len().saturating_mul(percent).div_ceil(100).saturating_sub(1);
    sorted.get(nth).copied().unwrap_or_default()
}

/// The most memory that this process has held.
pub(super) fn peak_gib() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status").context("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.trim().parse().ok());
    let kibibytes: u32 = kibibytes.context("this system does not tell a process's peak memory")?;
    Ok(round(f64::from(kibibytes) / 1024.0 / 1024.0))
}

/// Linux counts in hundredths of a second.
pub(super) fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    // User and system time, the 14th and 15th field of the line.
    let ticks = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok());
    Duration::from_millis(ticks.fold(0, u64::saturating_add).saturating_mul(10))
}

/// To three decimals.
pub(super) fn round(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

fn serialize_seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(seconds(*time))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The middle one counts, of each kind of time by itself.
    #[test]
    fn medians() {
        let times = |wall, cpu| Times {
            wall: Duration::from_millis(wall),
            cpu: Duration::from_millis(cpu),
        };
        assert_eq!(Times::median(&[times(9, 1), times(2, 30), times(3, 20)]), times(3, 20));
        assert_eq!(Times::median(&[]), Times::default());
    }

    /// Of a hundred times the 99th is the one; of few it is the longest.
    #[test]
    fn percentiles() {
        let times = |count| (1..=count).map(Duration::from_millis).collect::<Vec<_>>();
        assert_eq!(percentile(&times(100), 99), Duration::from_millis(99));
        assert_eq!(percentile(&times(100), 50), Duration::from_millis(50));
        assert_eq!(percentile(&times(3), 99), Duration::from_millis(3));
        assert_eq!(percentile(&[], 99), Duration::ZERO);
    }

    /// Work counts as processor time, waiting does not, and memory is told.
    #[test]
    fn work_is_told_from_waiting() {
        let waited = timed(|| {
            std::thread::sleep(Duration::from_millis(200));
            anyhow::Ok(())
        });
        let waited = waited.unwrap();
        assert!(waited.wall >= Duration::from_millis(200) && waited.cpu < waited.wall);
        let began = Instant::now();
        let worked = timed(|| {
            while processor_time() < Duration::from_millis(50) || began.elapsed().is_zero() {}
            anyhow::Ok(())
        });
        assert!(worked.unwrap().cpu <= processor_time());
        assert!(peak_gib().unwrap() > 0.0);
    }
}
