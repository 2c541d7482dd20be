//! How long a thread runs in one go.

use std::io;

/// Asks the system to let the calling thread run for a short time in one go (a tenth of a millisecond), and in return soon
/// after it wakes: for one that passes on what others wait for. Its share of the CPU stays the same.
///
/// Linux has that from 6.12 on ([sched_setattr(2)], the slice of `SCHED_OTHER`). Elsewhere nothing happens.
///
/// # Errors
/// The system's. Nothing has changed then.
///
/// [sched_setattr(2)]: https://man7.org/linux/man-pages/man2/sched_setattr.2.html
pub fn prefer_short_slices() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    linux::set_slice(SLICE_NANOS)?;
    Ok(())
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io;

    use nix::libc;

    /// As the first version of the call has it.
    #[repr(C)]
    #[derive(Debug, Default)]
    pub(super) struct Attributes {
        size: u32,
        policy: u32,
        flags: u64,
        nice: i32,
        priority: u32,
        pub(super) runtime: u64,
        deadline: u64,
        period: u64,
    }

    const SIZE: u32 = size_of::<Attributes>() as u32;

    /// Of a thread that is scheduled like most; any other stays as it is.
    pub(super) fn set_slice(nanos: u64) -> io::Result<()> {
        let now = attributes()?;
        if now.policy != libc::SCHED_OTHER as u32 {
            return Ok(());
        }
        let wanted = Attributes { runtime: nanos, size: SIZE, ..now };
        // SAFETY: the call reads `size` bytes, which are there; 0 is the calling thread.
        #[allow(unsafe_code)]
        let result = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const wanted, 0) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// The calling thread's.
    pub(super) fn attributes() -> io::Result<Attributes> {
        let mut now = Attributes::default();
        // SAFETY: the call writes at most the `SIZE` bytes that it is told of.
        #[allow(unsafe_code)]
        let result = unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut now, SIZE, 0) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(now) }
    }
}

/// As short as Linux has it.
#[cfg(target_os = "linux")]
const SLICE_NANOS: u64 = 100_000;

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// Kernels before 6.12 take it, and forget it.
    #[test]
    fn a_thread_has_the_slice_that_it_asked_for() {
        let slice = || linux::attributes().unwrap().runtime;
        let before = slice();
        prefer_short_slices().unwrap();
        let expected = if before == 0 { 0 } else { SLICE_NANOS };
        assert_eq!(slice(), expected, "it was {before} before");
    }
}
