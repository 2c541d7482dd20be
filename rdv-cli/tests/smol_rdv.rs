//! The contract, kept by rdv-smol's example `smol-rdv`.

mod common;
mod contract;

const PROGRAM: common::Program = common::Program::SmolRdv;
