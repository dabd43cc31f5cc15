//! Writes `golden.json` and `histories.json` of `property-tests/vectors` again. Run it after a deliberate change of an
//! encoding, and look at the difference before committing it.

use property_tests::{histories::Histories, vectors::Vectors};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/golden.json");
    std::fs::write(path, Vectors::compute()?.to_json()?)?;
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/histories.json");
    std::fs::write(path, Histories::compute()?.to_json()?)?;
    Ok(())
}
