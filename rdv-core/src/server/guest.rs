//! A client in the lobby.

use std::net::SocketAddr;
use std::time::Instant;

use super::farewell::Farewell;
use crate::states::{Current, Named};
use crate::wire::{HeadReader, Request};

#[derive(Debug)]
pub(super) struct Guest {
    pub(super) remote: SocketAddr,
    pub(super) stage: Current<Stage>,
    pub(super) reading: bool,
    pub(super) deadline: Option<Instant>,
}

#[derive(Debug)]
pub(super) enum Stage {
    Asking(HeadReader),
    Seated { request: Request, observed: SocketAddr },
    Leaving(Farewell),
}

impl Named for Stage {
    const MACHINE: &'static str = "lobby";

    fn name(&self) -> &'static str {
        match self {
            Stage::Asking(_) => "Asking",
            Stage::Seated { .. } => "Seated",
            Stage::Leaving(_) => "Leaving",
        }
    }
}
