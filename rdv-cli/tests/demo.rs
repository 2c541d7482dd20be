//! The demo, which the command alone has.

mod common;

use common::{Program, command, run};

const PROGRAM: Program = Program::Rdv;

#[test]
fn the_demo_succeeds_and_tells_its_story() {
    let end = run(&["demo", "--size", "1M"]);
    let told = String::from_utf8(end.stdout).unwrap();
    assert_eq!(end.status, Some(0), "{told}{:#?}", end.log);
    assert!(end.log.is_empty(), "{:#?}", end.log);
    for part in
        ["1. Directly", "picks ", "CHOSEN", "MiB/s", "2. Relayed", "picks the relay", "Every byte arrived"]
    {
        assert!(told.contains(part), "{part:?} is missing: {told}");
    }
    assert_eq!(told.matches("same at both ends").count(), 4);
    // It is no terminal, so there is no colour.
    assert!(!told.contains('\x1b'));
    assert!(told.lines().all(|line| line == line.trim_end()));
}

#[test]
fn a_demo_without_bytes_is_2() {
    assert_eq!(run(&["demo", "--size", "0"]).status, Some(2));
}

#[test]
fn the_demo_into_a_closed_stdout_is_1() {
    let mut child = command(&["demo", "--size", "1k"]).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{log}");
    assert!(log.starts_with("ERROR demo: cannot write to stdout: "), "{log}");
}
