use std::io;

use rdv_blocking::Error;
use rdv_core::{AddrSpaces, Interfaces, SelfAddrs, UnknownInterface};

use super::{Exit, explain};

fn unresolved(kind: io::ErrorKind) -> Error {
    Error::Resolve { host: "nosuch.example".into(), source: io::Error::new(kind, "unknown") }
}

fn unknown_interface() -> UnknownInterface {
    let mut interfaces = Interfaces::default();
    interfaces.allow("nosuch0");
    SelfAddrs::select([], 0, AddrSpaces::ALL, &interfaces).expect_err("there is no interface at all")
}

#[test]
fn statuses_are_what_scripts_rely_on() {
    let all = [Exit::Done, Exit::Failed, Exit::Usage, Exit::Refused, Exit::TimedOut, Exit::Interrupted];
    assert_eq!(all.map(Exit::status), [0, 1, 2, 3, 124, 130]);
}

#[test]
fn each_error_has_its_status() {
    for (error, exit) in [
        (unresolved(io::ErrorKind::Other), Exit::Failed),
        (unresolved(io::ErrorKind::TimedOut), Exit::TimedOut),
        (Error::Socket(io::ErrorKind::PermissionDenied.into()), Exit::Failed),
        (Error::Tls("no roots".into()), Exit::Failed),
        (Error::Interface(unknown_interface()), Exit::Usage),
        (Error::Cancelled, Exit::Interrupted),
    ] {
        assert_eq!(Exit::of(&error), exit, "{error}");
    }
}

#[test]
fn an_error_says_what_to_do() {
    assert_eq!(
        explain(&unresolved(io::ErrorKind::Other)),
        "cannot find the address of \"nosuch.example\": unknown: is the URL right, and DNS working?",
    );
    assert_eq!(explain(&Error::Cancelled), "interrupted");
}
