//! What the events of the machines mean for their connections.

use crate::client::Event;
use crate::io::ConnId;
use crate::server::{LobbyEvent, RelayEvent};

/// An event, as the contract understands it.
pub trait Watched {
    /// The most connections that a machine with such events ever has open.
    const CONNS_MAX: usize;

    /// What it means for the machine's connections.
    fn meaning(&self) -> Meaning;
}

/// What an event means for a machine's connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Nothing.
    News,
    /// The machine has ended. This connection alone is left, with nothing under way, and is the driver's.
    Selected(ConnId),
    /// The machine has ended, and no connection is left.
    Ended,
    /// These two are another machine's, perhaps with a read under way.
    HandedOver([ConnId; 2]),
    /// These two are copied by the driver. The machine may only close them.
    Spliced([ConnId; 2]),
}

/// As many as a race admits, and a few more: it dials again without asking whether there is room.
impl Watched for Event {
    const CONNS_MAX: usize = 80;

    fn meaning(&self) -> Meaning {
        match self {
            Event::Selected(selected) => Meaning::Selected(selected.conn),
            Event::Failed(_) => Meaning::Ended,
        }
    }
}

/// How many there may be is for [`LobbyConfig::max_waiting`](crate::LobbyConfig::max_waiting) to say.
impl Watched for LobbyEvent {
    const CONNS_MAX: usize = usize::MAX;

    fn meaning(&self) -> Meaning {
        match self {
            LobbyEvent::Matched(matched) => Meaning::HandedOver([matched.dialer, matched.accepter]),
            LobbyEvent::Left { .. } => Meaning::News,
        }
    }
}

impl Watched for RelayEvent {
    const CONNS_MAX: usize = 2;

    fn meaning(&self) -> Meaning {
        match self {
            RelayEvent::Splice(splice) => Meaning::Spliced([splice.dialer, splice.accepter]),
            RelayEvent::Finished(_) => Meaning::Ended,
        }
    }
}
