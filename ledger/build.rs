//! The schema is embedded: a new migration has to rebuild the crate.

fn main() {
    println!("cargo:rerun-if-changed=../migrations");
}
