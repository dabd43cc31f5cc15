//! The arguments of `netfold prover`.

use clap::Args;

use super::{ParameterArguments, StateArguments};

/// What a prover needs: no L1 and no key.
#[derive(Debug, Args)]
pub(crate) struct ProverArguments {
    #[command(flatten)]
    pub(crate) state: StateArguments,
    #[command(flatten)]
    pub(crate) parameters: ParameterArguments,
    /// Address of the database, by a login that may take the role `netfold_prover`.
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    pub(crate) database_url: String,
}
