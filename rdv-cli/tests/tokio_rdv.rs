//! The contract, kept by rdv-tokio's example `tokio-rdv`.

mod common;
mod contract;

const PROGRAM: common::Program = common::Program::TokioRdv;
