//! Both directions at once.

use super::*;

/// Two clients, and the ends between them.
struct Pair {
    exchange: Exchange,
    clients: [TcpStream; 2],
    ends: [Socket; 2],
    pool: Pool,
    buffer: Vec<u8>,
}

impl Pair {
    fn new() -> Self {
        let [(one, to_one), (two, to_two)] = [stream_pair(), stream_pair()];
        let ends = [to_one, to_two].map(|tcp| {
            tcp.set_nonblocking(true).unwrap();
            Socket { tcp, is_plain: true }
        });
        for client in [&one, &two] {
            client.set_nonblocking(false).unwrap();
        }
        let exchange = Exchange::new(Flow::new(Vec::new(), false), Flow::new(Vec::new(), false));
        Self { exchange, clients: [one, two], ends, pool: Pool::default(), buffer: vec![0; BUFFER_LEN] }
    }

    fn carry(&mut self, most: u64) -> Result<Carried, (usize, io::Error)> {
        self.exchange.carry(self.ends.each_mut(), &self.pool, &mut self.buffer, most)
    }

    /// Carries by `most` bytes a turn, until it is so. A turn never brings more than that.
    fn carry_until(&mut self, what: &str, most: u64, is_so: impl Fn(&Self, Carried) -> bool) {
        wait_for(what, || {
            let before: u64 = self.exchange.carried().iter().sum();
            let carried = self.carry(most).map_err(|(_, err)| err)?;
            let after: u64 = self.exchange.carried().iter().sum();
            assert!(after - before <= most, "{} bytes instead of {most}", after - before);
            Ok(is_so(self, carried).then_some(()))
        });
    }
}

#[test]
fn each_direction_has_its_part_of_what_is_allowed() {
    let mut pair = Pair::new();
    for client in &mut pair.clients {
        client.write_all(&[7; 10_000]).unwrap();
    }
    // What has been sent may take a moment to come.
    pair.carry_until("both", 2, |pair, _| pair.exchange.carried().iter().all(|carried| *carried > 0));
    pair.carry_until("most of it", 200, |pair, _| {
        pair.exchange.carried().iter().all(|carried| *carried > 9_000)
    });
}

#[test]
fn a_quiet_direction_leaves_its_part_to_the_other() {
    for from in [0, 1] {
        let mut pair = Pair::new();
        pair.clients[from].write_all(&[7; 1000]).unwrap();
        pair.carry_until("all", 1000, |pair, _| pair.exchange.carried().contains(&1000));
        assert_eq!(pair.exchange.carried()[from], 1000);
    }
}

#[test]
fn it_has_ended_when_both_have() {
    let mut pair = Pair::new();
    pair.clients[0].shutdown(Shutdown::Write).unwrap();
    wait_for("an end to be passed on", || {
        let carried = pair.carry(10).map_err(|(_, err)| err)?;
        assert_ne!(carried, Carried::Ended, "the other stream has not ended");
        Ok(pair.exchange.forth.is_ended().then_some(()))
    });
    pair.clients[1].write_all(b"rest").unwrap();
    pair.clients[1].shutdown(Shutdown::Write).unwrap();
    pair.carry_until("the end", 10, |_, carried| carried == Carried::Ended);
    assert_eq!(pair.exchange.carried(), [0, 4]);
}

#[test]
fn it_says_which_end_has_failed() {
    for broken in [0, 1] {
        let mut pair = Pair::new();
        let client = pair.clients[broken].try_clone().unwrap();
        pair.clients[broken] = stream_pair().0;
        crate::reset(client);
        let end = wait_for("a reset", || Ok(pair.carry(10).err()));
        assert_eq!((end.0, end.1.kind()), (broken, ErrorKind::ConnectionReset));
    }
}
