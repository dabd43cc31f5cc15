//! Who used the processors: the api, Postgres, the clients, which are this process, or somebody else.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Serialize;

use crate::bench::clock;

/// Whose time is counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Processes {
    pub(super) api: u32,
    /// The postmaster, with all its children.
    pub(super) postgres: u32,
}

/// Counts since it was started.
#[derive(Debug)]
pub(super) struct Meter {
    processes: Processes,
    began: Instant,
    counted: Counted,
}

/// Processor time since each began.
#[derive(Clone, Copy, Debug)]
struct Counted {
    api: Duration,
    postgres: Duration,
    client: Duration,
    /// Of the whole machine.
    busy: Duration,
}

/// Parts of all processors together: 1 is all of them.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Usage {
    #[serde(skip)]
    pub(super) wall: Duration,
    pub(super) api: f64,
    pub(super) postgres: f64,
    pub(super) client: f64,
    pub(super) others: f64,
    pub(super) idle: f64,
}

impl Meter {
    pub(super) fn start(processes: Processes) -> anyhow::Result<Self> {
        Ok(Self { processes, began: Instant::now(), counted: Counted::now(processes)? })
    }

    pub(super) fn usage(&self) -> anyhow::Result<Usage> {
        let (wall, now) = (self.began.elapsed(), Counted::now(self.processes)?);
        let cores = u32::try_from(std::thread::available_parallelism()?.get())?;
        let all = wall.saturating_mul(cores);
        let since = |of: fn(&Counted) -> Duration| of(&now).saturating_sub(of(&self.counted));
        let (api, postgres) = (since(|one| one.api), since(|one| one.postgres));
        let (client, busy) = (since(|one| one.client), since(|one| one.busy));
        let ours = api.saturating_add(postgres).saturating_add(client);
        let part = |of: Duration| clock::ratio(of, all);
        Ok(Usage {
            wall,
            api: part(api),
            postgres: part(postgres),
            client: part(client),
            others: part(busy.saturating_sub(ours)),
            idle: part(all.saturating_sub(busy.max(ours))),
        })
    }
}

impl Counted {
    fn now(processes: Processes) -> anyhow::Result<Self> {
        Ok(Self {
            api: tree(processes.api)?,
            postgres: tree(processes.postgres)?,
            client: clock::processor_time(),
            busy: busy()?,
        })
    }
}

/// A process with its children, those that have ended included.
fn tree(root: u32) -> anyhow::Result<Duration> {
    let mut ticks = 0_u64;
    for entry in fs::read_dir("/proc").context("this system has no /proc")? {
        let path = entry?.path().join("stat");
        // Others may end meanwhile.
        let Ok(stat) = fs::read_to_string(path) else { continue };
        let Some(found) = Stat::parse(&stat) else { continue };
        if found.id == root {
            ticks = ticks.saturating_add(found.own).saturating_add(found.ended_children);
        } else if found.parent == root {
            ticks = ticks.saturating_add(found.own);
        }
    }
    Ok(in_ticks(ticks))
}

/// Some fields of `/proc/PID/stat`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Stat {
    id: u32,
    parent: u32,
    own: u64,
    ended_children: u64,
}

impl Stat {
    fn parse(stat: &str) -> Option<Self> {
        let (id, _) = stat.split_once(' ')?;
        // The name in brackets may hold anything.
        let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
        let number = |nth: usize| fields.get(nth)?.parse::<u64>().ok();
        Some(Self {
            id: id.parse().ok()?,
            parent: fields.get(1)?.parse().ok()?,
            own: number(11)?.saturating_add(number(12)?),
            ended_children: number(13)?.saturating_add(number(14)?),
        })
    }
}

/// All that the machine's processors did.
fn busy() -> anyhow::Result<Duration> {
    let stat = fs::read_to_string("/proc/stat").context("/proc/stat")?;
    let line = stat.lines().next().unwrap_or_default();
    let times = line.split_whitespace().skip(1).filter_map(|field| field.parse::<u64>().ok());
    // User, nice, system, idle, waiting, interrupts, soft interrupts, stolen; guests count as users.
    let busy = times.take(8).enumerate().filter(|(nth, _)| ![3, 4].contains(nth));
    Ok(in_ticks(busy.fold(0, |sum, (_, ticks)| sum.saturating_add(ticks))))
}

/// Linux counts in hundredths of a second.
fn in_ticks(ticks: u64) -> Duration {
    Duration::from_millis(ticks.saturating_mul(10))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name with brackets and blanks in it hides no field.
    #[test]
    fn fields_are_found() {
        let stat = "17 (a) b (c) S 4 17 17 0 -1 4194560 1 2 3 4 100 20 3 4 20 0 1 0 5 6 7";
        let found = Stat { id: 17, parent: 4, own: 120, ended_children: 7 };
        assert_eq!(Stat::parse(stat), Some(found));
        assert_eq!(Stat::parse(""), None);
    }

    /// A process is busy no more than its machine.
    #[test]
    fn the_machine_is_counted() {
        assert!(busy().unwrap() > tree(std::process::id()).unwrap());
    }
}
