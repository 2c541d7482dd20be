//! One suite for every adapter: its client against rdv-blocking's server and peers, its server with rdv-blocking's
//! clients, and raw sockets where neither will do. A test is called `module::adapter::case`.

mod access;
mod attempts;
mod cancel;
mod client;
mod interfaces;
mod limits;
mod opinion;
mod proxy;
mod server;
mod streams;
