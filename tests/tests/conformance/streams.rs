//! What is relayed over TLS, or in clear, or goes directly: the two ends see the same. The client under test is
//! `one`, or the server is.

use rdv_core::Role;
use rdv_tests::adapter::{Adapter, Blocking, exchange};
use rdv_tests::cut::Cut;
use rdv_tests::for_each_adapter;
use rdv_tests::ground::{Ground, Way};
use rdv_tests::pattern;

/// Each client with a peer and a server of rdv-blocking.
mod client {
    use super::*;

    for_each_adapter! { half_close reset large_both_ways truncation }

    fn half_close(subject: &'static dyn Adapter) {
        super::half_close(|way| Ground::new(way, &Blocking, subject, &Blocking));
    }

    fn reset(subject: &'static dyn Adapter) {
        super::reset(|way| Ground::new(way, &Blocking, subject, &Blocking));
    }

    fn large_both_ways(subject: &'static dyn Adapter) {
        super::large_both_ways(|way| Ground::new(way, &Blocking, subject, &Blocking));
    }

    fn truncation(subject: &'static dyn Adapter) {
        super::truncation(&Ground::new(Way::RelayedTls, &Blocking, subject, &Blocking));
    }
}

/// Each server with clients of rdv-blocking.
mod server {
    use super::*;

    for_each_adapter! { half_close reset large_both_ways truncation }

    fn half_close(subject: &'static dyn Adapter) {
        super::half_close(|way| Ground::new(way, subject, &Blocking, &Blocking));
    }

    fn reset(subject: &'static dyn Adapter) {
        super::reset(|way| Ground::new(way, subject, &Blocking, &Blocking));
    }

    fn large_both_ways(subject: &'static dyn Adapter) {
        super::large_both_ways(|way| Ground::new(way, subject, &Blocking, &Blocking));
    }

    fn truncation(subject: &'static dyn Adapter) {
        super::truncation(&Ground::new(Way::RelayedTls, subject, &Blocking, &Blocking));
    }
}

/// A question with its end, and only then the answer with its own.
fn half_close(ground: impl Fn(Way) -> Ground) {
    let (question, answer) = (pattern(3000, 1), pattern(1 << 20, 2));
    for way in Way::EACH {
        let ground = ground(way);
        for role in ROLES {
            for one_asks in [true, false] {
                eprintln!("{way:?}, {role}, one asks: {one_asks}");
                let (one, two) = ground.meet(role);
                let (asks, answers) = if one_asks { (one, two) } else { (two, one) };
                asks.send(question.clone());
                asks.finish();
                answers.expect(&question);
                answers.expect_end();
                exchange_rest(&answers, &asks, &answer);
            }
        }
    }
}

/// Bytes and their end, one way, with the other way ended already.
fn exchange_rest(from: &rdv_tests::adapter::TestConn, to: &rdv_tests::adapter::TestConn, data: &[u8]) {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            from.send(data);
            from.finish();
        });
        to.expect(data);
        to.expect_end();
    });
}

/// A stream that is cut short does not look complete.
fn reset(ground: impl Fn(Way) -> Ground) {
    for way in Way::EACH {
        let ground = ground(way);
        for role in ROLES {
            for one_resets in [true, false] {
                eprintln!("{way:?}, {role}, one resets: {one_resets}");
                let (one, two) = ground.meet(role);
                one.send("hello");
                two.expect("hello");
                two.send("hello yourself");
                one.expect("hello yourself");
                let (resets, sees) = if one_resets { (one, two) } else { (two, one) };
                resets.reset();
                sees.expect_cut();
            }
        }
    }
}

fn large_both_ways(ground: impl Fn(Way) -> Ground) {
    let (to_two, to_one) = (pattern(12 << 20, 1), pattern(9 << 20, 2));
    for way in Way::EACH {
        let (ground, part) = (ground(way), if way == Way::RelayedTls { 4 } else { 1 });
        for role in ROLES {
            eprintln!("{way:?}, {role}");
            let (one, two) = ground.meet(role);
            exchange(&one, &two, &to_two[..to_two.len() / part], &to_one[..to_one.len() / part]);
        }
    }
}

/// Anybody on the way can send a FIN, but not a close_notify: neither end may take it for the stream's.
fn truncation(ground: &Ground) {
    for role in ROLES {
        eprintln!("{role}");
        let cut = Cut::before(ground.server.addr());
        let url = format!("https://{}", cut.addr()).parse().unwrap();
        let (one, two) = ground.meet_via(role, &url);
        one.send("hello");
        two.expect("hello");
        two.send("hello yourself");
        one.expect("hello yourself");
        cut.cut();
        one.expect_cut();
        two.expect_cut();
    }
}

const ROLES: [Role; 2] = [Role::Dial, Role::Accept];
