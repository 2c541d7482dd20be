//! A segment comes for a connection (RFC 9293 section 3.10.7).

use std::io;

use super::super::super::{Flags, Segment};
use super::super::recv::Receiver;
use super::super::{Env, Notice};
use super::{FIN_WAIT_2, Owner, Phase, Socket, TIME_WAIT};

impl Socket {
    pub(in super::super) fn handle_segment(&mut self, segment: Segment, env: &mut Env) {
        self.keepalive.heard(env.now);
        match self.phase {
            Phase::SynSent => self.handle_answer(&segment, env),
            Phase::SynReceived | Phase::Synchronized => self.handle_synchronized(segment, env),
            Phase::TimeWait => self.handle_late(&segment, env),
            Phase::Closed => {}
        }
    }

    /// In SYN_SENT (RFC 9293 section 3.10.7.3).
    fn handle_answer(&mut self, segment: &Segment, env: &mut Env) {
        let Flags { syn, ack, rst, .. } = segment.flags;
        if ack && segment.ack != self.send.next() {
            env.refuse(self.local, self.remote, segment);
        } else if rst {
            if ack {
                self.fail(io::ErrorKind::ConnectionRefused, env);
            }
        } else if syn {
            self.recv = Receiver::new(segment.seq);
            self.phase = Phase::SynReceived;
            if ack {
                self.established(env);
                self.acknowledge(segment.ack, env);
                self.send_ack(env);
                self.flush(env);
            } else {
                self.send_syn(env);
            }
        }
    }

    /// From SYN_RECEIVED to LAST_ACK (RFC 9293 section 3.10.7.4, with RFC 5961).
    fn handle_synchronized(&mut self, mut segment: Segment, env: &mut Env) {
        let Flags { syn, ack, rst, .. } = segment.flags;
        let is_opening = self.phase == Phase::SynReceived;
        if is_opening && syn && !rst && segment.seq.wrapping_add(1) == self.recv.next() {
            if !ack {
                self.send_syn(env);
                return;
            }
            // A simultaneous open: of a SYN-ACK, the ACK is news.
            segment.flags.syn = false;
            segment.seq = self.recv.next();
        }
        if !self.recv.is_acceptable(segment.seq, extent(&segment)) {
            if !rst {
                self.challenge(&segment, env);
            }
        } else if rst && segment.seq == self.recv.next() {
            self.handle_reset(env);
        } else if rst || segment.flags.syn {
            self.challenge(&segment, env);
        } else if !ack {
            // Nobody sends that.
        } else if is_opening && segment.ack != self.send.next() {
            env.refuse(self.local, self.remote, &segment);
        } else if self.send.is_absurd(segment.ack) {
            self.challenge(&segment, env);
        } else {
            if is_opening {
                self.established(env);
            }
            self.acknowledge(segment.ack, env);
            self.receive(segment, env);
        }
    }

    fn receive(&mut self, segment: Segment, env: &mut Env) {
        if self.owner == Owner::Nobody && self.recv.is_news(segment.seq, &segment.data) {
            env.refuse(self.local, self.remote, &segment);
            self.vanish();
            return;
        }
        let takes_room = extent(&segment) > 0;
        let is_news = self.recv.take(segment.seq, segment.data, segment.flags.fin);
        if is_news {
            env.notify(Notice::Readable(self.id));
        }
        if takes_room {
            self.send_ack(env);
        }
        self.flush(env);
        self.settle(env);
    }

    /// In TIME_WAIT.
    fn handle_late(&mut self, segment: &Segment, env: &mut Env) {
        let is_expected = segment.seq == self.recv.next();
        if segment.flags.rst {
            if is_expected {
                self.vanish();
            }
        } else if !is_expected || extent(segment) > 0 {
            self.deadline = Some(env.now + TIME_WAIT);
            self.challenge(segment, env);
        }
    }

    fn handle_reset(&mut self, env: &mut Env) {
        if env.discards_on_reset {
            self.recv.discard();
        }
        if self.is_half_open() {
            self.vanish();
        } else if self.phase == Phase::SynReceived {
            self.fail(io::ErrorKind::ConnectionRefused, env);
        } else {
            self.fail(io::ErrorKind::ConnectionReset, env);
        }
    }

    fn established(&mut self, env: &mut Env) {
        self.phase = Phase::Synchronized;
        if self.is_half_open() {
            self.owner = Owner::Application;
            env.notify(Notice::Accepted { socket: self.id, local: self.local, remote: self.remote });
        } else {
            env.notify(Notice::Connected(self.id));
        }
    }

    fn acknowledge(&mut self, ack: u32, env: &mut Env) {
        if !self.send.is_news(ack) {
            return;
        }
        self.send.acknowledge(ack);
        self.rto.acknowledged(env.now, ack);
        self.recover = self.recover.filter(|end| (end.wrapping_sub(ack) as i32) > 0);
        if self.send.in_flight() {
            if self.recover.is_some() {
                self.send_again(env);
            }
            self.arm(env);
        } else if self.send.fin_acked() && self.owner == Owner::Nobody {
            self.deadline = Some(env.now + FIN_WAIT_2);
        } else {
            self.deadline = None;
        }
    }

    /// Ends it, if both streams have ended.
    fn settle(&mut self, env: &Env) {
        if self.send.fin_acked() && self.recv.is_eof() {
            if self.shut_first {
                self.phase = Phase::TimeWait;
                self.deadline = Some(env.now + TIME_WAIT);
            } else {
                self.vanish();
            }
        }
    }
}

/// How many sequence numbers a segment takes up.
pub(in super::super) fn extent(segment: &Segment) -> usize {
    segment.data.len() + usize::from(segment.flags.syn) + usize::from(segment.flags.fin)
}
