//! What belongs to each connection.

use std::fmt;

use crate::io::ConnId;

/// What a machine or its driver has of each connection: a list in the order of the ids, without room for more than there are.
///
/// Ids count up, so a new connection is mostly the last: to insert elsewhere takes time in proportion to those behind it.
/// All else takes the logarithm of their number. Of those removed a quarter at most still have a place, and no value.
///
/// ```
/// use std::time::Instant;
/// use rdv_core::{ConnMap, Lobby, LobbyConfig};
/// let mut lobby = Lobby::new(LobbyConfig::default());
/// let conn = lobby.handle_accept(Instant::now(), "192.0.2.1:39841".parse().unwrap());
/// let mut sockets = ConnMap::new();
/// sockets.insert(conn, "its socket");
/// assert_eq!(sockets.get(conn), Some(&"its socket"));
/// assert_eq!(sockets.remove(conn), Some("its socket"));
/// assert!(sockets.is_empty());
/// ```
pub struct ConnMap<T> {
    entries: Vec<(ConnId, Option<T>)>,
    /// Entries without a value.
    vacant: usize,
}

impl<T> ConnMap<T> {
    /// An empty one. It allocates nothing.
    pub const fn new() -> Self {
        Self { entries: Vec::new(), vacant: 0 }
    }

    /// Returns what was there before.
    pub fn insert(&mut self, conn: ConnId, value: T) -> Option<T> {
        let is_last = self.entries.last().is_none_or(|(last, _)| *last < conn);
        match if is_last { Err(self.entries.len()) } else { self.search(conn.to_u64()) } {
            Ok(at) => {
                let before = self.entries[at].1.replace(value);
                self.vacant -= usize::from(before.is_none());
                before
            }
            Err(at) => {
                if self.entries.is_empty() {
                    // A pair has two, and there are many pairs.
                    self.entries.reserve_exact(FEW);
                }
                self.entries.insert(at, (conn, Some(value)));
                None
            }
        }
    }

    /// Takes out what is there.
    pub fn remove(&mut self, conn: ConnId) -> Option<T> {
        let at = self.search(conn.to_u64()).ok()?;
        let value = self.entries[at].1.take()?;
        self.vacant += 1;
        if at + 1 == self.entries.len() {
            self.entries.pop();
            self.vacant -= 1;
        }
        if self.vacant * 4 > self.entries.len() {
            self.entries.retain(|(_, value)| value.is_some());
            self.vacant = 0;
        }
        if self.entries.capacity() > 4 * self.entries.len().max(FEW) {
            self.entries.shrink_to(2 * self.entries.len());
        }
        Some(value)
    }

    /// What there is of two at once.
    ///
    /// # Panics
    /// If they are the same.
    pub fn pair_mut(&mut self, [one, two]: [ConnId; 2]) -> [Option<&mut T>; 2] {
        match (self.search(one.to_u64()), self.search(two.to_u64())) {
            (Ok(one), Ok(two)) => {
                let pair = self.entries.get_disjoint_mut([one, two]).expect("two connections");
                pair.map(|(_, value)| value.as_mut())
            }
            (Ok(one), Err(_)) => [self.entries[one].1.as_mut(), None],
            (Err(_), Ok(two)) => [None, self.entries[two].1.as_mut()],
            (Err(_), Err(_)) => [None, None],
        }
    }

    /// What there is of this one.
    pub fn get_mut(&mut self, conn: ConnId) -> Option<&mut T> {
        let at = self.search(conn.to_u64()).ok()?;
        self.entries[at].1.as_mut()
    }

    /// What there is of the one whose id is [this number](ConnId::to_u64), and its id: for pollers, which know numbers.
    pub fn numbered_mut(&mut self, number: u64) -> Option<(ConnId, &mut T)> {
        let at = self.search(number).ok()?;
        let (conn, value) = &mut self.entries[at];
        Some((*conn, value.as_mut()?))
    }

    /// What there is of this one.
    pub fn get(&self, conn: ConnId) -> Option<&T> {
        let at = self.search(conn.to_u64()).ok()?;
        self.entries[at].1.as_ref()
    }

    /// All of them, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (ConnId, &T)> {
        self.entries.iter().filter_map(|(conn, value)| Some((*conn, value.as_ref()?)))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len() - self.vacant
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn search(&self, number: u64) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&number, |(conn, _)| conn.to_u64())
    }
}

impl<T> Default for ConnMap<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for ConnMap<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Places of the smallest list.
const FEW: usize = 2;

#[cfg(test)]
mod tests;
