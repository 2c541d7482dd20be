//! What came of it, as tables.

use std::time::Duration;

use rdv_tests::figures::{line, median, ratio};

use crate::course::Course;
use crate::crowd::Crowd;
use crate::latency::Answers;

/// All runs of one kind.
pub(crate) struct Row {
    name: &'static str,
    pub(crate) matches: Vec<Course>,
    pub(crate) churn: Vec<Course>,
    pub(crate) answers: Vec<Answers>,
}

impl Row {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, matches: Vec::new(), churn: Vec::new(), answers: Vec::new() }
    }
}

/// The first row is what the others are compared with, run by run.
pub(crate) fn speed(rows: &[Row]) -> String {
    let mut text = line(&[
        "",
        "matches/s",
        "of the first",
        "CPU us each",
        "come and go, conns/s",
        "of the first",
        "CPU us each",
        "answer p50, us",
        "of the first",
        "p99, us",
        "p50 after sleep, us",
    ]);
    text += &line(&["---"; 11]);
    let Some(first) = rows.first() else {
        return text;
    };
    let (speed, cpu) = (|it: &Course| it.per_second, |it: &Course| it.cpu);
    for row in rows {
        let micros = |of: fn(&Answers) -> Duration| move |answers: &Answers| of(answers).as_secs_f64() * 1e6;
        let p50 = micros(|answers| answers.p50);
        let mut cells = [
            row.name.to_owned(),
            format!("{:.0}", median(&row.matches, speed)),
            format!("**{:.2}**", ratio(&row.matches, &first.matches, speed)),
            format!("{:.1}", median(&row.matches, cpu)),
            format!("{:.0}", median(&row.churn, speed)),
            format!("**{:.2}**", ratio(&row.churn, &first.churn, speed)),
            format!("{:.1}", median(&row.churn, cpu)),
            format!("{:.1}", median(&row.answers, p50)),
            format!("**{:.2}**", ratio(&row.answers, &first.answers, p50)),
            format!("{:.1}", median(&row.answers, micros(|answers| answers.p99))),
            format!("{:.1}", median(&row.answers, micros(|answers| answers.after_sleep))),
        ];
        // What was not measured.
        cells.iter_mut().filter(|cell| cell.contains("NaN")).for_each(String::clear);
        text += &line(&cells);
    }
    text
}

/// How memory grows with those who are there.
pub(crate) fn memory(crowds: &[(&str, Vec<Crowd>)]) -> String {
    let mut text =
        line(&["", "how many", "", "resident, B each", "kernel, B each, both ends", "descriptors each"]);
    text += &line(&["---"; 6]);
    for (name, crowd) in crowds.iter().flat_map(|(name, crowds)| crowds.iter().map(move |it| (name, it))) {
        text += &line(&[
            (*name).to_owned(),
            crowd.number.to_string(),
            crowd.what.to_owned(),
            format!("{:.0}", crowd.resident),
            format!("{:.0}", crowd.kernel),
            format!("{:.2}", crowd.descriptors),
        ]);
    }
    text
}
