//! `kill -9` of the service while it publishes and delivers, again and again: what was accepted must arrive; what
//! arrives twice, and how soon work goes on, is counted.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::publish::Refused;
use super::{Arguments, IN_FLIGHT, Scene, WARM_UP, usize_of};

const RATE: u32 = 400;
const CONNECTIONS: usize = 16;
/// Time between two kills: the first milliseconds of it are the start.
const BETWEEN_MS: [u64; 5] = [700, 350, 1_100, 500, 900];
/// Longest time until deliveries go on after a start.
const RESUME_TIME_MAX: Duration = Duration::from_secs(40);
/// Time for what was sent twice to arrive.
const AFTERWARDS: Duration = Duration::from_secs(2);

pub(super) fn events(arguments: &Arguments) -> usize {
    // A kill and the start after it take three seconds at most.
    WARM_UP + usize_of(RATE * 3 * (arguments.kills + 2))
}

/// How many accepted events were lost.
pub(super) fn run(mut scene: Scene, arguments: &Arguments) -> Result<usize, String> {
    scene.warm_up(IN_FLIGHT)?;
    let events = WARM_UP..events(arguments);
    let (stop, refused) = (AtomicBool::new(false), Refused::default());
    let mut resumed = Vec::new();
    let board = std::sync::Arc::clone(&scene.board);
    let address = scene.service.address;
    let killed: Result<(), String> = std::thread::scope(|scope| {
        let load = super::Load {
            board: &board,
            address,
            key: "",
            event_type: super::EVENT_TYPE,
            connections: CONNECTIONS,
            rate: f64::from(RATE),
            stop: &stop,
        };
        let (events, refused) = (events.clone(), &refused);
        scope.spawn(move || load.run(events, refused));
        let killed = (0..arguments.kills).try_for_each(|kill| {
            let between = BETWEEN_MS.get(usize_of(kill) % BETWEEN_MS.len());
            std::thread::sleep(Duration::from_millis(between.copied().unwrap_or_default()));
            scene.service.crash()?;
            resumed.push(first_arrival(&scene)?);
            Ok(())
        });
        stop.store(true, Relaxed);
        killed
    });
    killed?;
    // What does not arrive is counted, not waited for any longer.
    drop(scene.settle(events.clone()));
    std::thread::sleep(AFTERWARDS);
    let tally = scene.board.tally(events);
    let longest = resumed.iter().max().copied().unwrap_or_default();
    println!(
        "{}: killed {} times at {RATE}/s: {} accepted, {} lost, {} sent again ({} requests open at most each time); \
         {} requests without an answer; deliveries went on within {:.2} s of a start",
        scene.label,
        arguments.kills,
        tally.accepted,
        tally.lost,
        tally.repeated,
        IN_FLIGHT,
        refused.unanswered.load(Relaxed) + refused.answered.load(Relaxed),
        longest.as_secs_f64()
    );
    Ok(tally.lost)
}

/// How long until something arrives again.
fn first_arrival(scene: &Scene) -> Result<Duration, String> {
    // What the killed process had sent has arrived by now: this is loopback.
    let (began, before) = (Instant::now(), scene.board.arrivals());
    while scene.board.arrivals() == before {
        if began.elapsed() > RESUME_TIME_MAX {
            return Err("deliveries did not go on after a restart".to_owned());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(began.elapsed())
}
