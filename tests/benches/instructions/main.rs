//! How many instructions the machines take: `cargo bench -p rdv-tests --no-default-features --bench instructions`, with
//! valgrind (Debian: `valgrind`).
//!
//! Time tells nothing on a busy machine; callgrind's count is the same in every run, but for compilers that change. Each
//! course runs in a process of its own, a hundred times and two hundred times: the difference is what a hundred take.
//! What takes more than its bound fails.

mod course;

use std::process::{Command, ExitCode};

use course::Course;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    if args.next().as_deref() == Some(RUN) {
        let course = args.next().expect("a course");
        let times = args.next().and_then(|times| times.parse().ok()).expect("a number");
        Course::named(&course).run(times);
        return ExitCode::SUCCESS;
    }
    if cfg!(feature = "watch") {
        println!("skipped: every machine is watched, which takes instructions; add --no-default-features");
        return ExitCode::SUCCESS;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("skipped: there is no valgrind (Debian: valgrind)");
        return ExitCode::SUCCESS;
    }
    println!("| | instructions | at most |\n| --- | --- | --- |");
    let mut status = ExitCode::SUCCESS;
    for course in Course::ALL {
        let each = (count(course, 200) - count(course, 100)) / 100;
        println!("| {} | {each} | {} |", course.name(), course.most());
        if each > course.most() {
            eprintln!("{}: {each} instructions, more than {}", course.name(), course.most());
            status = ExitCode::FAILURE;
        }
    }
    status
}

/// The instructions of a whole process.
fn count(course: Course, times: u64) -> u64 {
    let program = std::env::current_exe().expect("this program has a path");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args([RUN, course.name(), &times.to_string()])
        .output()
        .expect("valgrind can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "valgrind fails: {said}");
    let collected = said.lines().find_map(|line| line.split_once("Collected :"));
    collected
        .and_then(|(_, count)| count.trim().parse().ok())
        .unwrap_or_else(|| panic!("no count in: {said}"))
}

/// The argument that makes a course of this program.
const RUN: &str = "run";
