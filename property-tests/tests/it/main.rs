//! The properties of `property_tests`, each opening with its sentence.

mod architecture;
mod arrows;
mod claims;
mod holds;
mod ledger;
mod model;
mod plan;
mod vectors;
