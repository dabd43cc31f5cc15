//! Writes `property-tests/vectors/golden.json` again. Run it after a deliberate change of an
//! encoding, and look at the difference before committing it.

use property_tests::vectors::Vectors;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/golden.json");
    std::fs::write(path, Vectors::compute()?.to_json()?)?;
    Ok(())
}
