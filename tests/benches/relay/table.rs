//! What came of it, as a table.

use rdv_tests::figures::{line, median, ratio};

use crate::load::{Bulk, PingPong};

/// All runs of one kind.
pub(crate) struct Row {
    name: &'static str,
    pub(crate) one: Vec<Bulk>,
    pub(crate) eight: Vec<Bulk>,
    pub(crate) ping_pong: Vec<PingPong>,
    /// A block is asked for, and another one once it has come.
    pub(crate) block: Vec<PingPong>,
    /// The same beside two pairs in bulk.
    pub(crate) beside: Vec<PingPong>,
}

impl Row {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            one: Vec::new(),
            eight: Vec::new(),
            ping_pong: Vec::new(),
            block: Vec::new(),
            beside: Vec::new(),
        }
    }
}

/// The first row is what the others are compared with, run by run.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let mut text = line(&[
        "",
        "1 pair, GB/s",
        "of direct",
        "8 pairs, GB/s",
        "of direct",
        "slowest of its share",
        "CPU s/GB, 1 pair",
        "8 pairs",
        "ping-pong p50, us",
        "of direct",
        "p99, us",
        "of direct",
        "64 KiB asked for p50, us",
        "of direct",
        "beside 2 bulk pairs p50, ms",
        "p99, ms",
    ]);
    text += &line(&["---"; 16]);
    let Some(direct) = rows.first() else {
        return text;
    };
    for row in rows {
        let mut cells = vec![row.name.to_owned()];
        for (all, beside) in [(&row.one, &direct.one), (&row.eight, &direct.eight)] {
            cells.push(format!("{:.2}", median(all, Bulk::rate) / 1e9));
            cells.push(format!("**{:.2}**", ratio(all, beside, Bulk::rate)));
        }
        cells.push(format!("{:.2}", median(&row.eight, Bulk::fairness)));
        for all in [&row.one, &row.eight] {
            let has_server = all.iter().all(|bulk| bulk.cpu.is_some());
            let cpu = format!("{:.3}", median(all, |bulk| bulk.cpu.unwrap_or_default()));
            cells.push(if has_server { cpu } else { String::new() });
        }
        let p50 = |times: &PingPong| times.p50.as_secs_f64();
        let p99 = |times: &PingPong| times.p99.as_secs_f64();
        let (ping, block) = ((&row.ping_pong, &direct.ping_pong), (&row.block, &direct.block));
        for ((all, beside), part) in [(ping, p50 as fn(&_) -> _), (ping, p99), (block, p50)] {
            cells.push(format!("{:.1}", median(all, part) * 1e6));
            cells.push(format!("**{:.2}**", ratio(all, beside, part)));
        }
        for part in [p50 as fn(&_) -> _, p99] {
            cells.push(format!("{:.2}", median(&row.beside, part) * 1e3));
        }
        // What was not measured.
        cells.iter_mut().filter(|cell| cell.contains("NaN")).for_each(String::clear);
        text += &line(&cells);
    }
    text
}
