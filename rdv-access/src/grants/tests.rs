use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

use super::*;

const KEY: &str = "0123456789abcdef0123456789abcdef";
const THEN: u64 = 1_893_456_000;

fn keys(text: &str) -> GrantKeys {
    GrantKeys::parse(text).unwrap()
}

fn token(bytes: impl AsRef<[u8]>) -> Token {
    Token::new(bytes).unwrap()
}

/// What other implementations make of the same: Python's hmac, and openssl.
#[test]
fn test_vectors() {
    for (key, name, expires, grant) in [
        (KEY, "7f3a9c", THEN, "rdv1.1893456000.La-NZTIOvzYoFTmWIrK_lW9ASgQ2GbH3EUV-iBL61J0"),
        (KEY, "küche/1", THEN, "rdv1.1893456000.PhRvTsHIwm7LT_UQsmZboZz715F2AjRKgrjdG8kJplA"),
        (KEY, "7f3a9c", 4_102_444_800, "rdv1.4102444800.nlGaeLZaZiRnAsyWRF_HfgU86NgK9MgZtRHRGtSzm_c"),
    ] {
        assert_eq!(keys(key).grant(&token(name), expires), grant);
        assert_eq!(keys(key).check(grant, &token(name), THEN - 1, None), Ok(()));
    }
}

#[test]
fn a_grant_is_for_one_token_and_a_time() {
    let (keys, name) = (keys(KEY), token("7f3a9c"));
    let grant = keys.grant(&name, THEN);
    for (now, longest, result) in [
        (0, None, Ok(())),
        (THEN, None, Ok(())),
        (THEN + LEEWAY, None, Ok(())),
        (THEN + LEEWAY + 1, None, Err(Denial::Expired)),
        (u64::MAX, None, Err(Denial::Expired)),
        (THEN - 3600, Some(3600), Ok(())),
        (THEN - 3600 - LEEWAY, Some(3600), Ok(())),
        (THEN - 3600 - LEEWAY - 1, Some(3600), Err(Denial::TooLong)),
        (THEN + LEEWAY + 1, Some(3600), Err(Denial::Expired)),
        (0, Some(u64::MAX), Ok(())),
    ] {
        assert_eq!(keys.check(&grant, &name, now, longest), result, "{now} {longest:?}");
    }
    for other in ["7f3a9", "7f3a9c ", "7F3A9C", "/7f3a9c", "7f3a9c\n"] {
        assert_eq!(keys.check(&grant, &token(other), 0, None), Err(Denial::Wrong), "{other:?}");
    }
}

#[test]
fn there_is_one_way_to_write_a_grant() {
    let (keys, name) = (keys(KEY), token("7f3a9c"));
    let grant = keys.grant(&name, THEN);
    let mac = grant.rsplit_once('.').unwrap().1;
    // The last character of a MAC has two bits that mean nothing.
    let last = mac.chars().last().unwrap() as u8 as char;
    assert_eq!(last, '0');
    for forged in [
        String::new(),
        "rdv1.".into(),
        "rdv1..".into(),
        format!("rdv1.{THEN}"),
        format!("rdv1.{THEN}."),
        format!("rdv2.{THEN}.{mac}"),
        format!("RDV1.{THEN}.{mac}"),
        format!("rdv1.0{THEN}.{mac}"),
        format!("rdv1.+{THEN}.{mac}"),
        format!("rdv1. {THEN}.{mac}"),
        format!("rdv1.{}.{mac}", THEN + 1),
        format!("rdv1.{THEN}.{mac}="),
        format!("rdv1.{THEN}.{mac}A"),
        format!("rdv1.{THEN}.{}1", &mac[..42]),
        format!("rdv1.{THEN}.{}", &mac[..42]),
        format!("rdv1.{THEN}.{}", mac.replace('-', "+").replace('_', "/")),
        format!("rdv1.{THEN}.{}", "A".repeat(43)),
        format!("rdv1.{}.{mac}", "9".repeat(30)),
        format!("rdv1.{THEN}.{mac}.{mac}"),
    ] {
        assert_eq!(keys.check(&forged, &name, 0, None), Err(Denial::Wrong), "{forged}");
    }
}

/// Digits end where the line ends, so none can be taken for the token's.
#[test]
fn time_and_token_cannot_be_mistaken_for_each_other() {
    let keys = keys(KEY);
    let grant = keys.grant(&token("6000\nx"), 189_345);
    let mac = grant.rsplit_once('.').unwrap().1;
    for (expires, name) in [("1893456000", "x"), ("189345", "6000\nx\n"), ("18934", "56000\nx")] {
        let forged = format!("rdv1.{expires}.{mac}");
        assert_eq!(keys.check(&forged, &token(name), 0, None), Err(Denial::Wrong), "{expires} {name:?}");
    }
}

#[test]
fn keys_are_replaced_one_after_the_other() {
    let (old, new) = (keys(KEY), format!("fedcba9876543210fedcba9876543210\n{KEY}\n"));
    let (name, both) = (token("7f3a9c"), keys(&new));
    let by_old = old.grant(&name, THEN);
    let by_new = both.grant(&name, THEN);
    assert_ne!(by_old, by_new, "the first key is the one that grants");
    assert_eq!(both.check(&by_old, &name, 0, None), Ok(()));
    assert_eq!(both.check(&by_new, &name, 0, None), Ok(()));
    assert_eq!(old.check(&by_new, &name, 0, None), Err(Denial::Wrong));
    let later = keys("fedcba9876543210fedcba9876543210");
    assert_eq!(later.check(&by_old, &name, 0, None), Err(Denial::Wrong));
    assert_eq!(format!("{both:?}"), "GrantKeys(2)");
}

#[test]
fn a_short_key_is_none() {
    assert_eq!(GrantKeys::parse(&KEY[1..]).unwrap_err(), LineError::TooShort(1, 32));
    assert_eq!(GrantKeys::parse("# none\n").unwrap_err(), LineError::Empty);
    assert_eq!(GrantKeys::parse(&format!("{KEY}\n{KEY} x")).unwrap_err(), LineError::BadCharacter(2));
}

proptest! {
    // The same cases on every run, and no files left behind.
    #![proptest_config(Config { rng_seed: RngSeed::Fixed(0x7264_7631), failure_persistence: None, ..Config::default() })]

    #[test]
    fn what_is_granted_is_good_and_nothing_else(
        name in prop::collection::vec(any::<u8>(), 1..60),
        expires in 1_000_000_000u64..900_000_000_000,
        at in 0usize..60,
        bit in 0u8..7,
    ) {
        let (keys, name) = (keys(KEY), token(name));
        let grant = keys.grant(&name, expires);
        prop_assert_eq!(keys.check(&grant, &name, 0, None), Ok(()));
        let mut bytes = grant.into_bytes();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        let forged = String::from_utf8(bytes).unwrap();
        prop_assert_eq!(keys.check(&forged, &name, 0, None), Err(Denial::Wrong), "{}", forged);
    }

    #[test]
    fn nothing_that_strangers_send_does_harm(grant in ".{0,80}", digits in "[0-9.]{0,40}") {
        let (keys, name) = (keys(KEY), token("7f3a9c"));
        for forged in [grant.clone(), format!("rdv1.{grant}"), format!("rdv1.{digits}"), format!("rdv1.{digits}.{grant}")] {
            prop_assert_eq!(keys.check(&forged, &name, 0, None), Err(Denial::Wrong));
        }
    }
}
