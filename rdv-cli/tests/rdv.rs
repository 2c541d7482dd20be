//! The contract, kept by the `rdv` command.

mod common;
mod contract;

const PROGRAM: common::Program = common::Program::Rdv;
