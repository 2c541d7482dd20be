//! Every adapter in real networks of Linux: NATs, carriers, firewalls, and wires that take their time.
//! `cargo test -p rdv-tests --test laboratory -- --nocapture` as root prints a table of all topologies.
//!
//! `RDV_LAB_RUNS=20` repeats each, and counts each miss; `RDV_LAB_ONLY=carrier` leaves those with this word in their name.

#![cfg(target_os = "linux")]

mod course;
mod nats;
mod next_door;
mod opinion;
mod simulated;
mod table;
mod topologies;

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, slice, thread};

use rdv_tests::lab;

use crate::table::Row;
use crate::topologies::{Topology, topologies};

#[test]
fn every_topology_comes_to_its_ideal() {
    if let Some(missing) = lab::missing() {
        eprintln!("skipped: {missing}");
        return;
    }
    let only = env::var("RDV_LAB_ONLY").unwrap_or_default();
    let runs = env::var("RDV_LAB_RUNS").map_or(1, |runs| runs.parse().expect("RDV_LAB_RUNS is no number"));
    let mut topologies = topologies();
    topologies.retain(|topology| topology.name.contains(&only));
    if let Some(missing) = lab::missing_mapper() {
        eprintln!("skipped, those with a port mapped: {missing}");
        topologies.retain(|topology| topology.sides.iter().all(|side| side.mapper.is_none()));
    }
    assert!(!topologies.is_empty(), "no topology has {only:?} in its name");

    let mut rows = all_of(&topologies, runs);
    println!("\n{}", table::markdown(&rows));
    if runs == 1 {
        // Whether two SYNs cross is chance, to which a busy machine adds. Once is no fault: it is run again, alone.
        for row in rows.iter_mut().filter(|row| row.may_be_chance()) {
            eprintln!("once more, alone: {}", row.topology.name);
            let again = all_of(slice::from_ref(row.topology), 2);
            row.results = again.into_iter().flat_map(|row| row.results).collect();
        }
    }
    let faults: Vec<String> = rows.iter().filter_map(Row::fault).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Runs each topology so many times, some at a time.
fn all_of(topologies: &[Topology], runs: usize) -> Vec<Row<'_>> {
    let next = AtomicUsize::new(0);
    let rows = Mutex::new(topologies.iter().map(Row::new).collect::<Vec<_>>());
    let work = || {
        loop {
            let turn = next.fetch_add(1, Ordering::Relaxed);
            let at = turn % topologies.len();
            if turn >= topologies.len() * runs {
                return;
            }
            // A panic has been printed, with what it is about; the others go on.
            let result = catch_unwind(AssertUnwindSafe(|| course::run(&topologies[at]))).ok();
            rows.lock().expect("nobody panics with the rows in hand")[at].results.push(result);
        }
    };
    let at_a_time = 2 * thread::available_parallelism().map_or(1, NonZeroUsize::get);
    thread::scope(|scope| {
        for _ in 0..at_a_time.min(8) {
            scope.spawn(work);
        }
    });
    rows.into_inner().expect("nobody panics with the rows in hand")
}
