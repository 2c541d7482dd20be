//! Two error numbers for which stable [`std::io::ErrorKind`] has no name, and which must be told
//! apart.

use std::io;

/// Whether a non-blocking connect is under way, which is its ordinary result.
pub(crate) fn is_in_progress(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || error.raw_os_error() == Some(EINPROGRESS)
}

/// Whether the kernel was built, or told, to do without this address family.
pub(crate) fn is_no_such_family(error: &io::Error) -> bool {
    error.raw_os_error() == Some(EAFNOSUPPORT)
}

const EINPROGRESS: i32 = NUMBERS.0;
const EAFNOSUPPORT: i32 = NUMBERS.1;

/// EINPROGRESS and EAFNOSUPPORT.
const NUMBERS: (i32, i32) = if cfg!(windows) {
    (10036, 10047)
} else if cfg!(any(target_os = "linux", target_os = "android")) {
    if cfg!(any(
        target_arch = "mips",
        target_arch = "mips64",
        target_arch = "mips32r6",
        target_arch = "mips64r6"
    )) {
        (150, 124)
    } else if cfg!(any(target_arch = "sparc", target_arch = "sparc64")) {
        (36, 47)
    } else {
        (115, 97)
    }
} else if cfg!(any(target_os = "illumos", target_os = "solaris")) {
    (150, 124)
} else {
    (36, 47) // macOS and the BSDs
};
