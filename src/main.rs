//! The binary: parses nothing itself, hands over to the command line.
fn main() {}
