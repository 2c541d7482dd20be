//! Which network interfaces take part in an attempt, by their names.

use std::collections::BTreeSet;
use std::fmt;

/// The network interfaces whose addresses are offered to the peer: all, unless some are allowed or denied.
///
/// A name is that of the system: `eth0`, `en0`, `Wi-Fi`. A `*` in it stands for any text, so `docker*` is
/// `docker0` and its like. What is both allowed and denied is denied.
///
/// ```
/// use rdv_core::Interfaces;
/// let mut interfaces = Interfaces::default();
/// assert!(interfaces.includes("eth0"));
/// interfaces.deny("docker*").deny("tun0");
/// assert!(interfaces.includes("eth0") && !interfaces.includes("docker0"));
/// interfaces.allow("wlan0");
/// assert!(interfaces.includes("wlan0") && !interfaces.includes("eth0"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interfaces {
    allowed: Vec<String>,
    denied: Vec<String>,
}

impl Interfaces {
    /// From now on only those that are allowed take part. An attempt fails if there is none of this name, or
    /// none that matches.
    pub fn allow(&mut self, name: impl Into<String>) -> &mut Self {
        self.allowed.push(name.into());
        self
    }

    /// Leaves these out. Where there is none of this name, an attempt says so in the log and goes on.
    pub fn deny(&mut self, name: impl Into<String>) -> &mut Self {
        self.denied.push(name.into());
        self
    }

    /// Whether the interface of this name takes part.
    pub fn includes(&self, name: &str) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, name));
        (self.allowed.is_empty() || any(&self.allowed)) && !any(&self.denied)
    }

    /// Looks for names that mean nothing on this machine, whose interfaces are `present`.
    pub(super) fn check(&self, present: &BTreeSet<&str>) -> Result<(), UnknownInterface> {
        let unknown = |pattern: &&String| !present.iter().any(|name| matches(pattern, name));
        let error = |name: &String| UnknownInterface {
            name: name.clone(),
            present: present.iter().map(|&name| name.to_owned()).collect(),
        };
        // A pattern may well be for interfaces that come and go. A name is more likely mistyped.
        for name in self.denied.iter().filter(unknown).filter(|name| !name.contains('*')) {
            log::warn!(target: "client", "nothing to leave out: {}", error(name));
        }
        self.allowed.iter().find(unknown).map_or(Ok(()), |name| Err(error(name)))
    }
}

/// A name that was allowed, and that none of this machine's network interfaces has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownInterface {
    name: String,
    present: Vec<String>,
}

impl fmt::Display for UnknownInterface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let present = if self.present.is_empty() { "none".to_owned() } else { self.present.join(", ") };
        write!(f, "no network interface with an address is called {:?}; there are: {present}", self.name)
    }
}

impl std::error::Error for UnknownInterface {}

/// Whether a name is what a pattern says, in which `*` stands for any text.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut name) = name.strip_prefix(head) else {
        return false;
    };
    // Between two asterisks the first place is as good as any; the last piece has to be the end.
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    for piece in middle.split('*') {
        match name.find(piece) {
            Some(at) => name = &name[at + piece.len()..],
            None => return false,
        }
    }
    name.ends_with(tail)
}
