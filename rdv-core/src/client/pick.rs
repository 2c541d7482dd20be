//! Pickers: how a dialer chooses among its connections (rdv/1 section 4).

use std::fmt;
use std::time::{Duration, Instant};

use super::Route;
use crate::io::ConnId;

/// Chooses a connection. Pure: the same standings at the same time give the same choice.
///
/// Asked whenever the standings change, and at the time that [`Pick::Wait`] names.
///
/// ```
/// use std::time::{Duration, Instant};
/// use rdv_core::{Pick, Picker, Route, Standings};
///
/// /// Any direct connection, however late: the relay only once no direct connection can come any more.
/// #[derive(Debug)]
/// struct Patient;
///
/// impl Picker for Patient {
///     fn pick(&self, _now: Instant, standings: &Standings<'_>) -> Pick {
///         match standings.first_direct().or(standings.relay().filter(|_| !standings.more_may_come)) {
///             Some(ready) => Pick::Choose(ready.conn),
///             None => Pick::Wait(None),
///         }
///     }
/// }
/// ```
pub trait Picker: fmt::Debug + Send + Sync {
    /// The choice, or until when to wait for a better one.
    fn pick(&self, now: Instant, standings: &Standings<'_>) -> Pick;
}

/// What a picker is told.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Standings<'a> {
    /// When the race began: at the 101.
    pub started: Instant,
    /// The connections to choose from, in the order in which they became ready.
    pub ready: &'a [Ready],
    /// Whether a direct connection may still come.
    pub more_may_come: bool,
}

/// A connection that can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ready {
    /// Its name, for [`Pick::Choose`].
    pub conn: ConnId,
    /// Direct, or through the server.
    pub route: Route,
    /// Since when it could be chosen.
    pub since: Instant,
}

/// A picker's verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// Take this one.
    Choose(ConnId),
    /// Ask again when the standings change, and at the given time if there is one. A time that is not in the
    /// future is taken as a millisecond from now.
    Wait(Option<Instant>),
}

impl Standings<'_> {
    /// The direct connection that was ready first.
    pub fn first_direct(&self) -> Option<&Ready> {
        self.ready.iter().find(|ready| ready.route == Route::Direct)
    }

    /// The relay.
    pub fn relay(&self) -> Option<&Ready> {
        self.ready.iter().find(|ready| ready.route == Route::Relay)
    }
}

/// Takes whatever connection is ready first. That is the relay, except where there is none.
#[derive(Clone, Copy, Debug, Default)]
pub struct PickFirst;

/// Takes the first direct connection, or the relay after this long. The default is one second.
///
/// A direct connection takes two to three round trips from the 101 on, while the relay stands already; this is
/// by how much the relay is put at a disadvantage.
#[derive(Clone, Copy, Debug)]
pub struct WaitForP2p(pub Duration);

/// Takes the first direct connection or else the relay, but always after exactly this long: for diagnosis.
#[derive(Clone, Copy, Debug)]
pub struct WaitConstant(pub Duration);

impl Default for WaitForP2p {
    fn default() -> Self {
        WaitForP2p(Duration::from_secs(1))
    }
}

impl Picker for PickFirst {
    fn pick(&self, _now: Instant, standings: &Standings<'_>) -> Pick {
        choose(standings.ready.first())
    }
}

impl Picker for WaitForP2p {
    fn pick(&self, now: Instant, standings: &Standings<'_>) -> Pick {
        let is_over = now.duration_since(standings.started) >= self.0;
        match standings.first_direct() {
            Some(direct) => Pick::Choose(direct.conn),
            None if is_over || !standings.more_may_come => choose(standings.relay()),
            None => Pick::Wait(standings.started.checked_add(self.0)),
        }
    }
}

impl Picker for WaitConstant {
    fn pick(&self, now: Instant, standings: &Standings<'_>) -> Pick {
        if now.duration_since(standings.started) >= self.0 {
            choose(standings.first_direct().or(standings.relay()))
        } else {
            Pick::Wait(standings.started.checked_add(self.0))
        }
    }
}

fn choose(ready: Option<&Ready>) -> Pick {
    ready.map_or(Pick::Wait(None), |ready| Pick::Choose(ready.conn))
}
