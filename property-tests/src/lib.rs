//! Properties that hold across crates, with the domain as their oracle, and the golden vectors.
//!
//! | property | test |
//! | --- | --- |
//! | ZERO_SUM, NO_OVERDRAFT, BOUNDED: value is conserved by every operation | `model::value_is_conserved` |
//! | a refused operation changes nothing, a repeated one is refused | `model::replays_and_refusals_change_nothing` |
//! | COMPLETE: steps come to the same as operations, each touched part emitted once | `model::steps_and_operations_agree` |
//! | BOUNDED: an epoch fits its steps in whatever order its operations come | `plan::an_epoch_fits_its_steps`, `plan::the_worst_orders_fit` |
//! | what is folded while an epoch is open stays part of its plan | `plan::fixed_steps_begin_every_later_plan` |
//! | netting says what balances changed by | `model::netting_explains_every_balance` |
//! | the ledger on Postgres is the model: same refusals, same balances, same digest, drift 0 | `ledger::the_ledger_is_the_model` |
//! | a tampered claim is proven by no path | `claims::a_tampered_claim_is_refused` |
//! | digests, encodings and public values stay what they are | `vectors::golden_vectors_hold` (also read by Foundry) |
//! | random histories are to the contract what they are to the model | `vectors::histories_hold`, played by Foundry's `test_histories_theContractIsTheModel` |
//! | dependencies point one way | `arrows::dependencies_point_one_way` |

pub mod histories;
pub mod history;
pub mod vectors;
