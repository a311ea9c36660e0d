//! Measuring: many requests over several connections, one piece of work over and over, and a subject against its floor.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::client::Client;

/// The most operations of one measurement.
const MOST: u64 = 2_000_000;
/// Beyond the time of a measurement, before it is given up.
const GRACE: Duration = Duration::from_secs(60);

/// What was measured: how many operations in which time, and how long each took.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    done: u64,
    took: Duration,
    /// In microseconds, ascending.
    each: Vec<u32>,
}

impl Sample {
    /// So many operations, with the time of each.
    pub fn new(done: u64, took: Duration, mut each: Vec<u32>) -> Sample {
        each.sort_unstable();
        Sample { done, took, each }
    }

    /// One piece of work of so many operations.
    pub fn once(done: u64, took: Duration) -> Sample {
        Sample::new(done, took, vec![micros(took)])
    }

    /// What another program says it measured: operations a second for this long, of so many milliseconds on average.
    pub fn told(rate: f64, took: Duration, millis: f64) -> Sample {
        let each = vec![(millis * 1_000.0) as u32];
        Sample { done: (rate * took.as_secs_f64()) as u64, took, each }
    }

    /// The same as done at this rate: what was measured side by side.
    pub fn at(self, rate: f64) -> Sample {
        Sample { took: Duration::from_secs_f64(self.done as f64 / rate.max(1e-9)), ..self }
    }

    /// Operations a second.
    pub fn rate(&self) -> f64 {
        self.done as f64 / self.took.as_secs_f64().max(1e-9)
    }

    /// The time within which this share of the operations ended, in milliseconds.
    pub fn within(&self, share: f64) -> f64 {
        let last = self.each.len().saturating_sub(1);
        let place = ((last as f64) * share).round() as usize;
        f64::from(self.each.get(place).copied().unwrap_or_default()) / 1_000.0
    }

    /// The middle one in milliseconds.
    pub fn median(&self) -> f64 {
        self.within(0.5)
    }

    /// Each operation counts as so many.
    pub fn each_of(mut self, count: u64) -> Sample {
        self.done *= count;
        self
    }

    /// Two samples as one.
    pub fn and(mut self, other: Sample) -> Sample {
        self.each.extend(other.each);
        Sample::new(self.done + other.done, self.took + other.took, self.each)
    }
}

/// The request of this connection, the how many-th of it.
pub type Requests = Arc<dyn Fn(u64, u64) -> Vec<u8> + Send + Sync>;

/// Sends requests over so many connections for this long. Every answer must be a success.
pub async fn requests(address: SocketAddr, connections: u64, time: Duration, make: &Requests) -> Result<Sample> {
    let mut clients = Vec::new();
    for _ in 0..connections {
        clients.push(Client::connect(address).await?);
    }
    let start = Instant::now();
    let until = start + time;
    let mut tasks = tokio::task::JoinSet::new();
    for (connection, mut client) in (0u64..).zip(clients) {
        let make = make.clone();
        let work = async move {
            let mut each = Vec::new();
            for number in 0..MOST / connections {
                let request = make(connection, number);
                let sent = Instant::now();
                let answer = client.send(&request).await?;
                let failed = || String::from_utf8_lossy(answer.body.get(..300).unwrap_or(answer.body)).into_owned();
                ensure!((200..300).contains(&answer.status), "{}: {}", answer.status, failed());
                let now = Instant::now();
                each.push(micros(now - sent));
                if now >= until {
                    break;
                }
            }
            Ok(each)
        };
        tasks.spawn(tokio::time::timeout(time + GRACE, work));
    }
    let mut each = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        each.extend(ended?.context("the server did not answer in time")??);
    }
    Ok(Sample::new(each.len() as u64, start.elapsed(), each))
}

/// Does something over and over for this long; it says how many operations that was. What is prepared for it does not
/// count.
pub fn work<T>(
    time: Duration,
    mut prepare: impl FnMut(u64) -> T,
    mut once: impl FnMut(T) -> Result<u64>,
) -> Result<Sample> {
    tokio::task::block_in_place(|| {
        let start = Instant::now();
        let (mut each, mut done, mut took) = (Vec::new(), 0, Duration::ZERO);
        for number in 0..MOST {
            let ready = prepare(number);
            let begun = Instant::now();
            done += once(ready)?;
            let own = begun.elapsed();
            each.push(micros(own));
            took += own;
            if took >= time || start.elapsed() >= 4 * time + GRACE {
                break;
            }
        }
        Ok(Sample::new(done, took, each))
    })
}

/// In whole microseconds.
pub fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}

/// A subject and its floor, measured in turns.
pub struct Turns {
    pub subject: Sample,
    pub floor: Sample,
    /// Each turn of the subject against the floors before and behind it: rate against rate.
    ratios: Vec<f64>,
    /// The same: median time against median time.
    times: Vec<f64>,
}

/// Measures in turns, floor first and last, so that what else the machine does meets both.
pub async fn turns(
    rounds: usize,
    mut floor: impl AsyncFnMut() -> Result<Sample>,
    mut subject: impl AsyncFnMut() -> Result<Sample>,
) -> Result<Turns> {
    let mut turns =
        Turns { subject: Sample::default(), floor: Sample::default(), ratios: Vec::new(), times: Vec::new() };
    let mut before = floor().await?;
    for _ in 0..rounds.max(1) {
        let own = subject().await?;
        let after = floor().await?;
        turns.ratios.push(2.0 * own.rate() / (before.rate() + after.rate()));
        turns.times.push(own.median() / ((before.median() + after.median()) / 2.0).max(1e-6));
        turns.floor = std::mem::take(&mut turns.floor).and(before);
        turns.subject = std::mem::take(&mut turns.subject).and(own);
        before = after;
    }
    Ok(turns)
}

impl Turns {
    /// Operations a second of the subject, as a share of the floor's.
    pub fn ratio(&self) -> f64 {
        median(&self.ratios)
    }

    /// The subject's time of one operation, in those of the floor.
    pub fn time(&self) -> f64 {
        median(&self.times)
    }
}

/// The middle of some numbers; 0 of none.
pub fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = |at: usize| sorted.get(at).copied().unwrap_or_default();
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => middle(n / 2),
        n => (middle(n / 2 - 1) + middle(n / 2)) / 2.0,
    }
}

/// Evenly spread numbers from a seed, always the same (SplitMix64).
pub fn spread(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
