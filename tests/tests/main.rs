//! Both services on real ports, end to end, on both databases; and the rules of the house.
//!
//! `cfg(test)` says nothing new to the compiler; it lets clippy allow `unwrap` in the helpers too.

#[cfg(test)]
mod arrays;
#[cfg(test)]
mod batches;
#[cfg(test)]
mod clock_leaps;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod connections;
#[cfg(test)]
mod console;
#[cfg(test)]
mod console_receiver;
#[cfg(test)]
mod crashes;
#[cfg(test)]
mod designs;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod hostile_files;
#[cfg(test)]
mod house;
#[cfg(test)]
mod latency;
#[cfg(test)]
mod platform_crashes;
#[cfg(test)]
mod reading_here;
#[cfg(test)]
mod reconciling;
#[cfg(test)]
mod reloading;
#[cfg(test)]
mod repeats;
#[cfg(test)]
mod start;
#[cfg(test)]
mod stopping;
#[cfg(test)]
mod traces;
