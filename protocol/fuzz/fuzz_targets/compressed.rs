#![no_main]
#![allow(dead_code)]

#[macro_use]
#[path = "../../tests/common/bodies.rs"]
mod bodies;
#[path = "../targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::compressed(data));
