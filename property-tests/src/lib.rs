//! property-tests
