#![no_main]

libfuzzer_sys::fuzz_target!(|script: rdv_fuzz_targets::RelayScript| script.play());
