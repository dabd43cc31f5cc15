//! The command `netfold`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ops::run()
}
