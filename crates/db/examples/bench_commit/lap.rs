//! A lap: a time in which submitters write one after the other, each waiting for its answer. Knows
//! nothing of what is written.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;

use crate::Outcome;

/// Connections open and caches fill in this time; it does not count.
const WARM_UP: Duration = Duration::from_millis(200);

/// When to count and when to stop.
#[derive(Clone, Copy)]
pub(crate) struct Lap {
    counted_from: Instant,
    end: Instant,
}

/// What a lap came to.
pub(crate) struct Figures {
    pub(crate) per_second: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

impl Lap {
    /// A lap that counts for `length`, from a moment after now.
    pub(crate) fn start(length: Duration) -> Self {
        let counted_from = Instant::now() + WARM_UP;
        Self {
            counted_from,
            end: counted_from + length,
        }
    }

    /// Submitters that are threads; `submitter` makes the write of each.
    pub(crate) fn threads<W>(
        self,
        submitters: usize,
        submitter: impl Fn(usize) -> Outcome<W> + Sync,
    ) -> Outcome<Figures>
    where
        W: FnMut() -> Outcome<()>,
    {
        let run = |number| {
            let mut write = submitter(number)?;
            let mut times = Vec::new();
            while let Some(began) = self.next() {
                write()?;
                self.note(&mut times, began);
            }
            Ok(times)
        };
        let times = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..submitters)
                .map(|number| scope.spawn(move || run(number)))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().map_err(|_panic| "a submitter panicked")?)
                .collect::<Outcome<Vec<_>>>()
        })?;
        Ok(self.figures(times))
    }

    /// Submitters that are tasks of one thread.
    pub(crate) async fn tasks<F>(
        self,
        submitters: usize,
        write: impl Fn(usize) -> F,
    ) -> Outcome<Figures>
    where
        F: Future<Output = Outcome<()>>,
    {
        let run = async |number| {
            let mut times = Vec::new();
            while let Some(began) = self.next() {
                write(number).await?;
                self.note(&mut times, began);
            }
            Outcome::Ok(times)
        };
        let times = try_join_all((0..submitters).map(run)).await?;
        Ok(self.figures(times))
    }

    fn next(self) -> Option<Instant> {
        let now = Instant::now();
        (now < self.end).then_some(now)
    }

    /// What began or ended outside of the counted time is left out.
    fn note(self, times: &mut Vec<Duration>, began: Instant) {
        let now = Instant::now();
        if began >= self.counted_from && now <= self.end {
            times.push(now - began);
        }
    }

    fn figures(self, times: Vec<Vec<Duration>>) -> Figures {
        let mut times = times.concat();
        times.sort_unstable();
        let count = u32::try_from(times.len()).unwrap_or(u32::MAX);
        let percentile = |share: usize| {
            let at = times.len() * share / 100;
            times.get(at).copied().unwrap_or_default()
        };
        Figures {
            per_second: f64::from(count) / (self.end - self.counted_from).as_secs_f64(),
            p50: percentile(50),
            p99: percentile(99),
        }
    }
}
