//! A simulated internet: hosts, routers, NATs and firewalls in virtual time, without a socket or a clock.

pub mod net;
