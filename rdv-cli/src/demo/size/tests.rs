use super::{Size, SizeError};

#[test]
fn sizes_have_units() {
    for (text, bytes, shown) in [
        ("1", 1, "1 B"),
        ("4096", 4096, "4 KiB"),
        ("500k", 500 << 10, "500 KiB"),
        ("64M", 64 << 20, "64 MiB"),
        ("64 MiB", 64 << 20, "64 MiB"),
        ("1536MiB", 0, ""),
        ("1g", 1 << 30, "1 GiB"),
        ("100b", 100, "100 B"),
    ] {
        match text.parse::<Size>() {
            Ok(size) => {
                assert_eq!((size.bytes(), size.to_string().as_str()), (bytes, shown), "{text}");
                assert_eq!(size.to_string().parse(), Ok(size));
            }
            Err(error) => assert_eq!((error, bytes), (SizeError::OutOfRange, 0), "{text}"),
        }
    }
}

#[test]
fn bad_sizes_are_told_apart() {
    for text in ["", "M", "-1", "1.5G", "3x", "64MM", "1 2", "０"] {
        assert_eq!(text.parse::<Size>(), Err(SizeError::Malformed), "{text:?}");
    }
    for text in ["0", "2G", "99999999999999999999", "9999999999999999G"] {
        assert_eq!(text.parse::<Size>(), Err(SizeError::OutOfRange), "{text:?}");
    }
}
