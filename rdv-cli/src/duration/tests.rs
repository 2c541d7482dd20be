use std::time::Duration;

use super::{Limit, Pretty, Span, SpanError};

#[test]
fn durations_have_as_many_digits_as_a_person_wants() {
    for (micros, text) in [
        (0, "0us"),
        (816, "816us"),
        (999, "999us"),
        (1_000, "1ms"),
        (2_700, "2.7ms"),
        (2_749, "2.7ms"),
        (9_949, "9.9ms"),
        (9_950, "10ms"),
        (45_000, "45ms"),
        (999_499, "999ms"),
        (999_500, "1s"),
        (1_000_000, "1s"),
        (1_234_567, "1.2s"),
        (3_000_400, "3s"),
        (59_940_000, "59.9s"),
        (59_960_000, "1m0s"),
        (75_000_000, "1m15s"),
        (3_599_400_000, "59m59s"),
        (3_599_600_000, "1h0m"),
        (90 * 60 * 1_000_000, "1h30m"),
    ] {
        assert_eq!(Pretty(Duration::from_micros(micros)).to_string(), text, "{micros} us");
    }
    assert_eq!(Pretty(Duration::from_nanos(999_999)).to_string(), "999us");
    assert_eq!(format!("{:>6}|", Pretty(Duration::from_millis(45))), "  45ms|");
}

#[test]
fn spans_need_a_unit() {
    assert_eq!("500ms".parse(), Ok(Span(Duration::from_millis(500))));
    assert_eq!("1m30s".parse(), Ok(Span(Duration::from_secs(90))));
    assert_eq!("1m 30s".parse(), Ok(Span(Duration::from_secs(90))));
    assert_eq!("0".parse(), Ok(Span(Duration::ZERO)));
    for text in ["", "3", "s", "-1s", "3 parsecs", "none", "1s\n\u{1b}[31m"] {
        assert_eq!(text.parse::<Span>(), Err(SpanError::Malformed), "{text:?}");
    }
}

#[test]
fn a_span_can_be_added_to_the_time() {
    assert_eq!("365days".parse(), Ok(Span(Duration::from_secs(365 * 24 * 3600))));
    for text in ["366days", "18446744073709551615s"] {
        assert_eq!(text.parse::<Span>(), Err(SpanError::TooLong), "{text:?}");
    }
}

#[test]
fn a_limit_can_be_none() {
    assert_eq!("none".parse(), Ok(Limit(None)));
    assert_eq!("0".parse(), Ok(Limit(None)));
    assert_eq!("0s".parse(), Ok(Limit(None)));
    assert_eq!("10m".parse(), Ok(Limit(Some(Duration::from_secs(600)))));
    assert_eq!("never".parse::<Limit>(), Err(SpanError::Malformed));
}
