//! The figures of a run, for machines and for people.

#![expect(clippy::float_arithmetic, reason = "figures for people, where rounding does no harm")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::load::{Asked, Kind};
use super::usage::Usage;
use crate::bench::clock;

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    cores: usize,
    posts: Vec<PostLevel>,
    reads: Vec<ReadLevel>,
    /// The same reads while batches are posted, so that nothing is answered from what was read before.
    reads_beside_posts: ReadLevel,
    /// The digest and signature of a batch of 1,000 transfers.
    verifying_ms: f64,
    /// Of the time that a batch takes when it comes alone.
    verifying_share: f64,
    targets: Targets,
    /// What bounds the level with most posts a second, and that with most reads.
    posts_limit: String,
    reads_limit: String,
}

/// So many clients at once.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Level {
    clients: usize,
    requests: usize,
    per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
    usage: Usage,
}

/// Batches of 1,000 transfers, each rollup's one after the other.
#[derive(Debug, Serialize)]
pub(super) struct PostLevel {
    #[serde(flatten)]
    level: Level,
    transfers_per_s: f64,
    /// The same without HTTP, by the ledger's own door.
    ledger_p50_ms: f64,
    ledger_per_s: f64,
    /// What HTTP adds: this median over that one.
    p50_over_ledger: f64,
}

/// Reads of all kinds, as many of each.
#[derive(Debug, Serialize)]
pub(super) struct ReadLevel {
    #[serde(flatten)]
    level: Level,
    /// By what is read.
    p50_ms_of: BTreeMap<Kind, f64>,
    /// `/v1/health` instead, which asks nobody.
    health_per_s: f64,
    /// A health's time over that of a read, by rates.
    health_over_reads: f64,
}

#[derive(Debug, Serialize)]
struct Targets {
    post_p99_ms: f64,
    /// The most clients at which posts keep to it; 0 if they never do.
    post_clients: usize,
    reads_per_s: f64,
    reads_p99_ms: f64,
    /// The most that was read within that latency.
    reads_per_s_reached: f64,
    posts_met: bool,
    reads_met: bool,
}

impl Level {
    pub(super) fn new(clients: usize, asked: &[Asked], usage: Usage) -> Self {
        let mut times: Vec<Duration> = asked.iter().map(|one| one.took).collect();
        times.sort_unstable();
        let at = |percent| clock::milliseconds(clock::percentile(&times, percent));
        let per_s = clock::rate(times.len(), usage.wall);
        Self { clients, requests: times.len(), per_s, p50_ms: at(50), p99_ms: at(99), usage }
    }

    /// What has no room left: the processors, or nothing that is counted here.
    fn limit(&self) -> String {
        let Usage { api, postgres, client, others, idle, .. } = self.usage;
        let percent = |part: f64| (part * 100.0).round();
        let parts = format!(
            "api {} %, Postgres {} %, clients {} %, others {} %",
            percent(api),
            percent(postgres),
            percent(client),
            percent(others)
        );
        let idle = percent(idle);
        if idle <= IDLE_PERCENT {
            format!("the processors: {parts}")
        } else {
            format!("waiting, for the disk or for each other: {idle} % idle; {parts}")
        }
    }
}

impl PostLevel {
    pub(super) fn new(level: &Level, direct: &Level, transfers: usize) -> Self {
        let transfers = u32::try_from(transfers).map_or(0.0, f64::from);
        Self {
            level: *level,
            transfers_per_s: clock::round(level.per_s * transfers),
            ledger_p50_ms: direct.p50_ms,
            ledger_per_s: direct.per_s,
            p50_over_ledger: over(level.p50_ms, direct.p50_ms),
        }
    }
}

impl ReadLevel {
    pub(super) fn new(level: Level, floor: &Level, asked: &[Asked]) -> Self {
        let mut kinds = BTreeMap::<Kind, Vec<Duration>>::new();
        for one in asked {
            kinds.entry(one.kind).or_default().push(one.took);
        }
        let median = |(kind, mut times): (Kind, Vec<Duration>)| {
            times.sort_unstable();
            (kind, clock::milliseconds(clock::percentile(&times, 50)))
        };
        Self {
            level,
            p50_ms_of: kinds.into_iter().map(median).collect(),
            health_per_s: floor.per_s,
            health_over_reads: over(floor.per_s, level.per_s),
        }
    }
}

impl Figures {
    pub(super) fn new(
        posts: Vec<PostLevel>,
        reads: Vec<ReadLevel>,
        reads_beside_posts: ReadLevel,
        verifying_ms: f64,
    ) -> anyhow::Result<Self> {
        let kept = |one: &&PostLevel| one.level.p99_ms <= POST_P99_MS;
        let post_clients =
            posts.iter().filter(kept).map(|one| one.level.clients).max().unwrap_or_default();
        let quick = |one: &&ReadLevel| one.level.p99_ms <= READ_P99_MS;
        let reached = reads.iter().filter(quick).map(|one| one.level.per_s).fold(0.0, f64::max);
        let limit = |levels: &mut dyn Iterator<Item = &Level>| {
            let most = levels.max_by(|one, other| one.per_s.total_cmp(&other.per_s));
            most.map(Level::limit).unwrap_or_default()
        };
        let alone = posts.first().map_or(0.0, |one| one.level.p50_ms);
        Ok(Self {
            cores: std::thread::available_parallelism()?.get(),
            verifying_ms,
            verifying_share: over(verifying_ms, alone),
            targets: Targets {
                post_p99_ms: POST_P99_MS,
                post_clients,
                reads_per_s: READS_PER_S,
                reads_p99_ms: READ_P99_MS,
                reads_per_s_reached: reached,
                posts_met: post_clients > 0,
                reads_met: reached >= READS_PER_S,
            },
            posts_limit: limit(&mut posts.iter().map(|one| &one.level)),
            reads_limit: limit(&mut reads.iter().map(|one| &one.level)),
            posts,
            reads,
            reads_beside_posts,
        })
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let mut table = String::new();
        let mut row = |what: &str, level: &Level, rest: String| {
            let Level { clients, per_s, p50_ms, p99_ms, .. } = level;
            // Writing to a string does not fail.
            let _ = writeln!(
                table,
                "{what:<24} {clients:>7} {per_s:>9.1} {p50_ms:>9.2} {p99_ms:>9.2}  {rest}"
            );
        };
        for one in &self.posts {
            let rest = format!(
                "{:.0} transfers/s; {:.2} x the ledger without HTTP",
                one.transfers_per_s, one.p50_over_ledger
            );
            row("posts of 1,000 transfers", &one.level, rest);
        }
        let kinds = self.reads.iter().map(|one| ("reads of all kinds", one));
        for (what, one) in kinds.chain([("the same beside posts", &self.reads_beside_posts)]) {
            let rest = format!("health is asked {:.1} x as often", one.health_over_reads);
            row(what, &one.level, rest);
        }
        let met = |met: bool| if met { "met" } else { "missed" };
        let Targets { post_clients, reads_per_s_reached, .. } = self.targets;
        let _ = write!(
            table,
            "a signature of a batch is checked in {:.2} ms, {:.2} of a post that comes alone\n\
             posts within {POST_P99_MS} ms at p99: with up to {post_clients} clients, {}\n\
             reads within {READ_P99_MS} ms at p99: {reads_per_s_reached:.0} of {READS_PER_S} a \
             second, {}\nposts are bounded by {}\nreads are bounded by {}",
            self.verifying_ms,
            self.verifying_share,
            met(self.targets.posts_met),
            met(self.targets.reads_met),
            self.posts_limit,
            self.reads_limit
        );
        let head = ["clients", "a second", "p50 ms", "p99 ms"];
        let [clients, rate, p50, p99] = head;
        format!("{:<24} {clients:>7} {rate:>9} {p50:>9} {p99:>9}\n{table}", "")
    }
}

/// How often the one contains the other; 0 for nothing.
fn over(one: f64, other: f64) -> f64 {
    if other > 0.0 { clock::round(one / other) } else { 0.0 }
}

/// What is aimed at, on two cores.
const POST_P99_MS: f64 = 50.0;
const READ_P99_MS: f64 = 20.0;
const READS_PER_S: f64 = 5_000.0;
/// Less than that is lost between two requests.
const IDLE_PERCENT: f64 = 12.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn level(clients: usize, took_ms: u64, idle: f64) -> Level {
        let asked = Asked { kind: Kind::Cells, took: Duration::from_millis(took_ms) };
        let busy = (1.0 - idle) / 4.0;
        let usage = Usage {
            wall: Duration::from_secs(1),
            api: busy,
            postgres: busy,
            client: busy,
            others: busy,
            idle,
        };
        let count = 1_000_usize.checked_div(usize::try_from(took_ms).unwrap()).unwrap();
        Level::new(clients, &vec![asked; count], usage)
    }

    /// A target is met by the most clients within it, and the limit is that of the best level.
    #[test]
    fn targets_and_limits() {
        let posts = [(1, 20, 0.5), (4, 40, 0.3), (16, 100, 0.0)].map(|(clients, took, idle)| {
            PostLevel::new(&level(clients, took, idle), &level(clients, 10, idle), 1_000)
        });
        let reads = [(1, 1, 0.0), (16, 25, 0.0)].map(|(clients, took, idle)| {
            ReadLevel::new(level(clients, took, idle), &level(clients, 1, idle), &[])
        });
        let beside = ReadLevel::new(level(16, 4, 0.0), &level(16, 1, 0.0), &[]);
        let figures = Figures::new(posts.into(), reads.into(), beside, 5.0).unwrap();
        assert!(figures.table().contains("the same beside posts         16     250.0"));
        assert_eq!((figures.targets.post_clients, figures.targets.posts_met), (4, true));
        assert!(!figures.targets.reads_met);
        assert_eq!(figures.targets.reads_per_s_reached.to_string(), "1000");
        assert_eq!(figures.verifying_share.to_string(), "0.25");
        assert!(figures.posts_limit.starts_with("waiting"), "{}", figures.posts_limit);
        assert!(figures.reads_limit.starts_with("the processors: api 25 %"));
        assert!(figures.table().contains("with up to 4 clients, met"));
    }
}
