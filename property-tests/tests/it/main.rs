//! The properties of `property_tests`, each opening with its sentence.

mod arrows;
mod claims;
mod model;
mod vectors;
