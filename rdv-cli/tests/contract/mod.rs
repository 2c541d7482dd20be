//! What every program that stands in for `rdv` has to keep: what a script sees of stdin, stdout, stderr and the exit
//! status. Each program's tests are these.

mod access;
mod https;
#[cfg(unix)]
mod open_files;
mod proxy;
#[cfg(unix)]
mod signals;
mod status;
mod streams;
mod transfer;
