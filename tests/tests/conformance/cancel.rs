//! Cancelling at every step. What was open is closed, and the other ends see that. (That no descriptor is left is for
//! `conformance_descriptors`, since those are counted for a whole process.)

use rdv_core::Role;
use rdv_tests::adapter::{Adapter, Blocking, Party, meet};
use rdv_tests::for_each_adapter;
use rdv_tests::server::TestServer;
use rdv_tests::step::{Scene, Step};

for_each_adapter! {
    at_once
    while_resolving
    while_connecting
    while_in_tls_handshake
    while_connected
    while_waiting
    while_dialing
    while_greeting
    while_ready
    the_token_is_free_again
}

fn at_once(subject: &'static dyn Adapter) {
    cancel(subject, Step::AtOnce);
}

fn while_resolving(subject: &'static dyn Adapter) {
    cancel(subject, Step::Resolving);
}

fn while_connecting(subject: &'static dyn Adapter) {
    cancel(subject, Step::Connecting);
}

fn while_in_tls_handshake(subject: &'static dyn Adapter) {
    cancel(subject, Step::Handshaking);
}

fn while_connected(subject: &'static dyn Adapter) {
    cancel(subject, Step::Connected);
}

fn while_waiting(subject: &'static dyn Adapter) {
    cancel(subject, Step::Waiting);
}

fn while_dialing(subject: &'static dyn Adapter) {
    cancel(subject, Step::Dialing);
}

fn while_greeting(subject: &'static dyn Adapter) {
    cancel(subject, Step::Greeting);
}

fn while_ready(subject: &'static dyn Adapter) {
    cancel(subject, Step::Ready);
}

/// A client that is gone is not matched, nor in the way of another one.
fn the_token_is_free_again(subject: &'static dyn Adapter) {
    let server = TestServer::start();
    for role in [Role::Dial, Role::Accept] {
        let party = |adapter| Party::new(adapter, "none");
        for _ in 0..20 {
            let trial = party(subject).start(role, &server.url(), "tok");
            server.settle();
            trial.cancelled();
            // It may have asked only just before it was cancelled: then the server has yet to read request and FIN,
            // and would take who has gone for the peer of who comes next.
            server.settle();
            let (one, two) = meet((&party(subject), role), &party(&Blocking), &server.url(), "tok");
            one.send("hello");
            two.expect("hello");
        }
    }
}

fn cancel(subject: &'static dyn Adapter, step: Step) {
    for role in [Role::Dial, Role::Accept] {
        eprintln!("{} {role}, {step:?}", subject.name());
        let (trial, scene) = Scene::play(subject, role, step);
        trial.cancelled();
        scene.expect_closed();
    }
}
