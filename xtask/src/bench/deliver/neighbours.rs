//! What a healthy endpoint notices of its neighbours: one that answers after five seconds, one for which very many
//! deliveries wait, and a tenant that publishes as fast as it goes. The figure is the ratio to the same load without
//! them, from the same run.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::board::Waits;
use super::publish::Refused;
use super::{Arguments, EVENT_TYPE, IN_FLIGHT, Scene, WARM_UP, usize_of};

/// Events a second to the healthy endpoint; beside a slow one, which gets as many.
const RATE: u32 = 150;
const RATE_BESIDE_FLOOD: u32 = 300;
const CONNECTIONS: usize = 32;
const SLOW_TYPE: &str = "bench.slow";
const SLOW: &str = "/slow/5000";
const DOWN: &str = "/fail/100";
const FLOOD: &str = "flood";
/// Time until a key that was just made is known to the service.
const KEY_TIME_MAX: Duration = Duration::from_secs(20);

/// Room on the board, without the flood.
pub(super) fn events(arguments: &Arguments) -> usize {
    WARM_UP + 4 * usize_of(RATE_BESIDE_FLOOD * arguments.seconds)
}

pub(super) fn slow(scene: &Scene, arguments: &Arguments) -> Result<(), String> {
    scene.warm_up(IN_FLIGHT)?;
    let each = usize_of(RATE * arguments.seconds);
    let quiet = WARM_UP..WARM_UP + each;
    scene.publish(quiet.clone(), CONNECTIONS, f64::from(RATE))?;
    scene.settle(quiet.clone())?;
    scene
        .service
        .subscribe("", &scene.sink.url(SLOW), SLOW_TYPE, IN_FLIGHT)?;
    let beside = quiet.end..quiet.end + each;
    let to_slow = beside.end..beside.end + each;
    let (stop, refused) = (AtomicBool::new(false), Refused::default());
    std::thread::scope(|scope| {
        let mut load = scene.load("", CONNECTIONS, f64::from(RATE), &stop);
        load.event_type = SLOW_TYPE;
        let refused = &refused;
        scope.spawn(move || load.run(to_slow, refused));
        scene.publish(beside.clone(), CONNECTIONS, f64::from(RATE))
    })?;
    scene.settle(beside.clone())?;
    let beside_what = format!("an endpoint that answers after 5 s, {RATE}/s each");
    print(scene, &beside_what, quiet, beside);
    Ok(())
}

/// Beside an endpoint that is down, for which so many deliveries wait.
pub(super) fn backlog(scene: &Scene, arguments: &Arguments) -> Result<(), String> {
    scene.warm_up(IN_FLIGHT)?;
    let each = usize_of(RATE_BESIDE_FLOOD * arguments.seconds);
    let rate = f64::from(RATE_BESIDE_FLOOD);
    let quiet = WARM_UP..WARM_UP + each;
    scene.publish(quiet.clone(), CONNECTIONS, rate)?;
    scene.settle(quiet.clone())?;
    scene
        .service
        .subscribe("", &scene.sink.url(DOWN), SLOW_TYPE, IN_FLIGHT)?;
    let beside = quiet.end..quiet.end + each;
    let waiting = beside.end..beside.end + arguments.backlog;
    let (stop, refused) = (AtomicBool::new(false), Refused::default());
    let mut load = scene.load("", 1, 0.0, &stop);
    load.event_type = SLOW_TYPE;
    load.run_in_batches(waiting.clone(), &refused);
    match scene.board.tally(waiting.clone()).accepted {
        accepted if accepted == waiting.len() => {}
        accepted => {
            return Err(format!(
                "{accepted} of {} were accepted: {refused:?}",
                waiting.len()
            ));
        }
    }
    scene.publish(beside.clone(), CONNECTIONS, rate)?;
    scene.settle(beside.clone())?;
    let beside_what = format!(
        "{} deliveries that wait for an endpoint that is down; {RATE_BESIDE_FLOOD}/s",
        waiting.len()
    );
    print(scene, &beside_what, quiet, beside);
    Ok(())
}

pub(super) fn flood(scene: &Scene, arguments: &Arguments) -> Result<(), String> {
    let (key, flooding) = (scene.service.key("default")?, scene.service.key(FLOOD)?);
    for key in [&key, &flooding] {
        subscribe_soon(scene, key)?;
    }
    let (stop, refused) = (AtomicBool::new(false), Refused::default());
    let rate = f64::from(RATE_BESIDE_FLOOD);
    let healthy = scene.load(&key, CONNECTIONS, rate, &stop);
    healthy.run(0..WARM_UP, &refused);
    let each = usize_of(RATE_BESIDE_FLOOD * arguments.seconds);
    let quiet = WARM_UP..WARM_UP + each;
    healthy.run(quiet.clone(), &refused);
    scene.settle(quiet.clone())?;
    let room = quiet.end..quiet.end + 2 * each;
    let flood = room.end..room.end + arguments.flood;
    let began = Instant::now();
    let beside = std::thread::scope(|scope| {
        let flooding = scene.load(&flooding, 1, 0.0, &stop);
        let (refused, flood) = (&refused, flood.clone());
        let all = flood.clone();
        let flooded = scope.spawn(move || {
            flooding.run_in_batches(flood, refused);
            began.elapsed()
        });
        let beside = scope.spawn(|| healthy.run(room, refused));
        let took = flooded.join();
        // As long as the flood is being delivered, its neighbour is measured.
        while !beside.is_finished() && scene.board.tally(all.clone()).lost > 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
        stop.store(true, Relaxed);
        Some((beside.join().ok()?, took.ok()?))
    });
    let (beside, took) = beside.ok_or("a publisher panicked")?;
    scene.settle(beside.clone())?;
    let delivered = began.elapsed();
    let beside_what = format!(
        "a tenant that publishes {} events in {:.1} s, delivered after {:.1} s; {RATE_BESIDE_FLOOD}/s",
        flood.len(),
        took.as_secs_f64(),
        delivered.as_secs_f64()
    );
    print(scene, &beside_what, quiet, beside);
    Ok(())
}

fn subscribe_soon(scene: &Scene, key: &str) -> Result<(), String> {
    let deadline = Instant::now() + KEY_TIME_MAX;
    loop {
        let subscribed =
            scene
                .service
                .subscribe(key, &scene.sink.url("/note"), EVENT_TYPE, IN_FLIGHT);
        match subscribed {
            Err(cause) if cause.contains(" 401 ") && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(100));
            }
            other => return other,
        }
    }
}

fn print(scene: &Scene, beside_what: &str, quiet: Range<usize>, beside: Range<usize>) {
    println!("{}: beside {beside_what}", scene.label);
    let board = &scene.board;
    let both = |waits: &dyn Fn(Range<usize>) -> Waits| {
        [&quiet, &beside].map(|events| waits(events.clone()))
    };
    for (what, [quiet, beside]) in [
        ("accept    ", both(&|events| board.until_accepted(events))),
        ("end to end", both(&|events| board.until_arrived(events))),
    ] {
        let [quiet_p50, quiet_p99] = [50, 99].map(|percent| quiet.percentile_ms(percent));
        let [p50, p99] = [50, 99].map(|percent| beside.percentile_ms(percent));
        println!(
            "  {what} p50 {p50:.2} ms (quiet {quiet_p50:.2}), p99 {p99:.2} ms (quiet {quiet_p99:.2}): {:.2} times",
            p99 / quiet_p99.max(0.001)
        );
    }
}
