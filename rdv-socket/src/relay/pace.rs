//! How a pair is going: a little to and fro, or in bulk.

use std::time::{Duration, Instant};

/// What there are threads for. Bulk has turns of many pipes, and threads that would run without end; so those who exchange
/// a little at a time, and wait for each answer, have others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A little now and then.
    Talk,
    /// 40 MB/s at first, and 10 MB/s at least.
    Bulk,
}

/// What a pair had carried at some time, to tell how much that is lately, and which way it goes.
#[derive(Debug)]
pub struct Pace {
    at: Instant,
    carried: u64,
    /// What it had carried either way when that last was both ways.
    turned: [u64; 2],
}

impl Pace {
    /// Of a pair that has carried nothing so far.
    pub fn new(now: Instant) -> Self {
        Self { at: now, carried: 0, turned: [0; 2] }
    }

    /// What a pair is from now on that is of this kind so far, and has carried so many bytes in all. It seldom changes, for
    /// a thread's pair costs some microseconds to move: a stream that stalls for a moment stays what it was. Of small exchanges
    /// hardly any asks for the time.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// use rdv_socket::relay::{Kind, Pace};
    ///
    /// let began = Instant::now();
    /// let mut pace = Pace::new(began);
    /// assert_eq!(pace.judge(Kind::Talk, 64, || began), Kind::Talk);
    /// assert_eq!(pace.judge(Kind::Talk, 5_000_000, || began + Duration::from_millis(2)), Kind::Bulk);
    /// assert_eq!(pace.judge(Kind::Bulk, 5_000_064, || began + Duration::from_secs(1)), Kind::Talk);
    /// ```
    pub fn judge(&mut self, kind: Kind, carried: u64, now: impl FnOnce() -> Instant) -> Kind {
        let lately = carried - self.carried;
        if kind == Kind::Talk && lately < BULK {
            return Kind::Talk;
        }
        let now = now();
        let took = now.saturating_duration_since(self.at);
        let is_over = took >= A_WHILE;
        let is_little = u128::from(lately) * A_WHILE.as_nanos() < u128::from(LITTLE) * took.as_nanos();
        let judged = match kind {
            Kind::Talk if is_over => Kind::Talk,
            Kind::Bulk if is_over && is_little => Kind::Talk,
            Kind::Talk | Kind::Bulk => Kind::Bulk,
        };
        if is_over || judged != kind {
            (self.at, self.carried) = (now, carried);
        }
        judged
    }

    /// Whether a pair that has carried so many bytes either way is a stream: for long it went one way only, so that nobody seems
    /// to wait for an answer. A stream loses nothing by a moment's rest; whoever asks for a block, and then for the next one,
    /// loses it each time. To be asked at each turn.
    ///
    /// ```
    /// use std::time::Instant;
    ///
    /// use rdv_socket::relay::Pace;
    ///
    /// let mut pace = Pace::new(Instant::now());
    /// assert!(!pace.streams([64, 0]), "a question");
    /// assert!(!pace.streams([64, 1_000_000]), "its answer begins");
    /// assert!(pace.streams([64, 9_000_000]), "and goes on");
    /// assert!(!pace.streams([128, 9_000_000]), "the next question");
    /// ```
    pub fn streams(&mut self, both: [u64; 2]) -> bool {
        let ways = || both.iter().zip(&self.turned).map(|(carried, turned)| carried - turned);
        if ways().all(|carried| carried > 0) {
            self.turned = both;
            return false;
        }
        ways().any(|carried| carried >= STREAM)
    }
}

const A_WHILE: Duration = Duration::from_millis(100);
/// Bytes that are bulk if they come within a while. As much in twice the time takes a two-hundredth of a CPU.
const BULK: u64 = 4 * 1024 * 1024;
/// Bytes that are not, if no more come within any while.
const LITTLE: u64 = BULK / 4;
/// Bytes one way, and none the other way, by which a stream is known: a millisecond of the fastest.
const STREAM: u64 = 4 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use std::iter::repeat_n;

    use super::*;

    /// What a pair is at the end, and how often that has changed, after these steps: how many ms each took, and the bytes.
    fn course(steps: impl IntoIterator<Item = (u64, u64)>) -> (Kind, usize) {
        let mut now = Instant::now();
        let (mut pace, mut kind, mut carried, mut changes) = (Pace::new(now), Kind::Talk, 0, 0);
        for (millis, bytes) in steps {
            now += Duration::from_millis(millis);
            carried += bytes;
            let judged = pace.judge(kind, carried, || now);
            changes += usize::from(judged != kind);
            kind = judged;
        }
        (kind, changes)
    }

    #[test]
    fn small_exchanges_are_talk_however_many() {
        assert_eq!(course(repeat_n((1, 4096), 100_000)), (Kind::Talk, 0), "4 MB/s");
        assert_eq!(course(repeat_n((10, 256 * 1024), 10_000)), (Kind::Talk, 0), "26 MB/s");
    }

    #[test]
    fn bulk_is_known_from_its_first_megabytes() {
        assert_eq!(course(repeat_n((1, 1 << 20), 3)), (Kind::Talk, 0));
        assert_eq!(course(repeat_n((1, 1 << 20), 4)), (Kind::Bulk, 1));
        assert_eq!(course(repeat_n((1, 1 << 20), 10_000)), (Kind::Bulk, 1));
    }

    /// Behind an hour of quiet as well: what counts is how long the last of it took.
    #[test]
    fn bulk_is_known_in_the_midst_of_talk() {
        let talk = repeat_n((1_000, 64), 3_600);
        assert_eq!(course(talk.chain(repeat_n((1, 1 << 20), 9))), (Kind::Bulk, 1));
    }

    #[test]
    fn a_stream_that_stalls_stays_bulk() {
        let stream = (0..10_000).map(|i| if i % 10 == 0 { (90, 100) } else { (1, 1 << 20) });
        assert_eq!(course(stream), (Kind::Bulk, 1));
    }

    #[test]
    fn talk_behind_bulk_is_talk() {
        let bulk = || repeat_n((1, 1 << 20), 10);
        assert_eq!(course(bulk().chain([(5_000, 64)])), (Kind::Talk, 2), "after a pause");
        assert_eq!(course(bulk().chain(repeat_n((1, 64), 500))), (Kind::Talk, 2), "at once");
    }

    /// Whether a pair streams at the end of these steps: bytes each way.
    fn streams(steps: impl IntoIterator<Item = [u64; 2]>) -> bool {
        let (mut pace, mut both) = (Pace::new(Instant::now()), [0, 0]);
        steps.into_iter().fold(false, |_, step| {
            both = [both[0] + step[0], both[1] + step[1]];
            pace.streams(both)
        })
    }

    #[test]
    fn what_goes_one_way_for_long_is_a_stream() {
        let file = |chunks| repeat_n([65_536, 0], chunks);
        assert!(!streams(file(63)));
        assert!(streams(file(64)));
        assert!(streams([[0, 200]].into_iter().chain(file(65))), "once it was asked for");
        assert!(streams(repeat_n([0, 65_536], 64)), "the other way");
    }

    #[test]
    fn who_waits_for_an_answer_does_not_stream() {
        let blocks = |chunks| repeat_n(repeat_n([0, 65_536], chunks).chain([[64, 0]]), 1_000).flatten();
        assert!(!streams(blocks(16)), "a MiB at a time");
        assert!(!streams(blocks(16).chain([[0, 65_536]])));
        assert!(!streams(repeat_n([0, 65_536], 100).chain([[1, 0]])), "a stream that is answered");
        assert!(!streams(repeat_n([65_536, 65_536], 1_000)), "two streams");
    }
}
