//! Batch slots: a rollup's signed transition.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "field arithmetic cannot overflow; indices run over the fixed shape"
)]

use domain::limits::{ATOMS_BITS, BATCHES_PER_STEP, LANES_PER_BATCH, MAX_ASSETS, MAX_ROLLUPS};
use nova_snark::frontend::{
    AllocatedBit, Boolean, ConstraintSystem, SynthesisError, num::AllocatedNum,
};

use super::{
    hash::chain_hash,
    lane::Lane,
    linear::Linear,
    select::{Choice, enforce_range},
    table::{Rollup, Table, witness_pair},
    witness::{BatchWitness, Witness},
};
use crate::{
    field::{Scalar, power_of_two},
    gadgets::eddsa::{self, SignatureWitness},
};

/// Applies the batch slots in order.
pub(super) fn apply<CS: ConstraintSystem<Scalar>>(
    cs: &mut CS,
    witness: Option<&Witness>,
    table: &mut Table,
    domain_word: &AllocatedNum<Scalar>,
) -> Result<(), SynthesisError> {
    for slot in 0..BATCHES_PER_STEP {
        let cs = &mut cs.namespace(|| format!("slot {slot}"));
        let witness = witness.map(|witness| &witness.batches[slot]);
        let batch = Batch::witness(cs, witness, table)?;
        batch.enforce_signed(cs, witness, table, domain_word)?;
        batch.debit(&mut cs.namespace(|| "debit"), table)?;
        batch.credit(&mut cs.namespace(|| "credit"), table)?;
        batch.advance(&mut cs.namespace(|| "advance"), table)?;
        table.shorten(&mut cs.namespace(|| "shorten"))?;
    }
    Ok(())
}

/// A batch slot. One that chooses no rollup moves nothing and changes no rollup.
///
/// The halves of its roots are whatever the signature is over: no rule of the circuit needs them
/// below `2^128`. An exit root whose halves are not is refused where it is read, by L1 and by
/// `domain::EpochStatement`; an L2 root is read by the next batch alone.
struct Batch {
    source: Choice,
    new_root: [Linear; 2],
    exit_root: [Linear; 2],
    body_digest: [Linear; 2],
    lanes: Vec<Lane>,
}

impl Batch {
    fn witness<CS: ConstraintSystem<Scalar>>(
        cs: &mut CS,
        witness: Option<&BatchWitness>,
        table: &Table,
    ) -> Result<Self, SynthesisError> {
        let source: [Option<Scalar>; MAX_ROLLUPS] =
            std::array::from_fn(|at| witness.map(|batch| batch.rollup[at]));
        let source = Choice::witness(&mut cs.namespace(|| "source"), &source)?;
        let registered = table.rollups.iter().map(|rollup| &rollup.registered);
        source.enforce_all(&mut cs.namespace(|| "source is registered"), registered);
        let new_root = witness.map(|batch| batch.new_root);
        let new_root = witness_pair(cs, ["new root high", "new root low"], new_root)?;
        let exit_root = witness.map(|batch| batch.exit_root);
        let exit_root = witness_pair(cs, ["exit root high", "exit root low"], exit_root)?;
        let body_digest = witness.map(|batch| batch.body_digest);
        let body_digest = witness_pair(cs, ["body high", "body low"], body_digest)?;
        let lanes = (0..LANES_PER_BATCH)
            .map(|at| {
                let lane = witness.map(|batch| &batch.lanes[at]);
                Lane::witness(&mut cs.namespace(|| format!("lane {at}")), lane, table, &source)
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { source, new_root, exit_root, body_digest, lanes })
    }

    /// SIGNED and IN_ORDER: the registered key's signature over the batch as the state continues
    /// it. Height and previous root are the state's, so that the signature passes only over those.
    fn enforce_signed<CS: ConstraintSystem<Scalar>>(
        &self,
        cs: &mut CS,
        witness: Option<&BatchWitness>,
        table: &Table,
        domain_word: &AllocatedNum<Scalar>,
    ) -> Result<(), SynthesisError> {
        let message = self.digest(&mut cs.namespace(|| "digest"), table, domain_word)?;
        let x = self.of_source(&mut cs.namespace(|| "key x"), table, |rollup| &rollup.key[0])?;
        let y = self.of_source(&mut cs.namespace(|| "key y"), table, |rollup| &rollup.key[1])?;
        let (x, y) = (x.number(cs, "key x")?, y.number(cs, "key y")?);
        let used = self.source.any().number(cs, "used")?;
        let used = AllocatedBit::from_parts_unchecked(
            used.get_variable(),
            used.get_value().map(|value| value == Scalar::from(1)),
        );
        let signature = witness.map_or_else(SignatureWitness::default, |batch| batch.signature);
        eddsa::enforce_signature(
            cs.namespace(|| "signature"),
            &Boolean::from(used),
            (&x, &y),
            &signature,
            &message,
        )
    }

    /// `domain::BatchParts::digest` of this batch at the source's height and root.
    fn digest<CS: ConstraintSystem<Scalar>>(
        &self,
        cs: &mut CS,
        table: &Table,
        domain_word: &AllocatedNum<Scalar>,
    ) -> Result<AllocatedNum<Scalar>, SynthesisError> {
        let height =
            self.of_source(&mut cs.namespace(|| "height"), table, |rollup| &rollup.next_height)?;
        let root_high =
            self.of_source(&mut cs.namespace(|| "root high"), table, |rollup| &rollup.root[0])?;
        let root_low =
            self.of_source(&mut cs.namespace(|| "root low"), table, |rollup| &rollup.root[1])?;
        let place = self.source.number(1) + &(&height * power_of_two(16));
        let mut words = vec![Linear::from(domain_word), place, root_high, root_low];
        words.extend(self.new_root.iter().chain(&self.exit_root).chain(&self.body_digest).cloned());
        words.extend(self.lanes.iter().map(|lane| lane.word.clone()));
        chain_hash(cs, "netfold.batch.v1", &words)
    }

    /// NO_OVERDRAFT: takes what the lanes move from the source's cells, leaving none below zero.
    fn debit<CS: ConstraintSystem<Scalar>>(
        &self,
        cs: &mut CS,
        table: &mut Table,
    ) -> Result<(), SynthesisError> {
        for asset in 0..MAX_ASSETS {
            let cs = &mut cs.namespace(|| format!("asset {asset}"));
            let total = Linear::sum(self.lanes.iter().map(|lane| &lane.debits[asset]));
            for (rollup, flag) in self.source.flags().iter().enumerate() {
                let cs = &mut cs.namespace(|| format!("rollup {rollup}"));
                let debit = flag.times(cs, "debit", &total)?;
                let cell = table.cell(rollup, asset);
                cell.balance = cell.balance.clone() - &debit;
                cell.moved += &debit;
            }
            let balances = table.cells.iter().skip(asset).step_by(MAX_ASSETS);
            let left = self
                .source
                .select(&mut cs.namespace(|| "balance left"), balances.map(|cell| &cell.balance))?;
            enforce_range(&mut cs.namespace(|| "no overdraft"), &left, ATOMS_BITS)?;
        }
        Ok(())
    }

    /// Gives the destinations what the lanes move, and counts what goes to L1 as exited.
    fn credit<CS: ConstraintSystem<Scalar>>(
        &self,
        cs: &mut CS,
        table: &mut Table,
    ) -> Result<(), SynthesisError> {
        let mut exits = vec![Linear::zero(); MAX_ASSETS];
        for (at, lane) in self.lanes.iter().enumerate() {
            let of_lane = lane.credit(&mut cs.namespace(|| format!("lane {at}")), table)?;
            for (total, exit) in exits.iter_mut().zip(&of_lane) {
                *total += exit;
            }
        }
        for (asset, total) in exits.iter().enumerate() {
            let cs = &mut cs.namespace(|| format!("exits of asset {asset}"));
            for (rollup, flag) in self.source.flags().iter().enumerate() {
                let cs = &mut cs.namespace(|| format!("rollup {rollup}"));
                table.cell(rollup, asset).exited += &flag.times(cs, "exit", total)?;
            }
        }
        Ok(())
    }

    /// The source goes on to the next height, with the new roots.
    fn advance<CS: ConstraintSystem<Scalar>>(
        &self,
        cs: &mut CS,
        table: &mut Table,
    ) -> Result<(), SynthesisError> {
        let new = || self.new_root.iter().chain(&self.exit_root);
        for (at, (rollup, flag)) in table.rollups.iter_mut().zip(self.source.flags()).enumerate() {
            let cs = &mut cs.namespace(|| format!("rollup {at}"));
            for (half, (old, new)) in rollup.roots().zip(new()).enumerate() {
                let cs = &mut cs.namespace(|| format!("half root {half}"));
                let change = flag.times(cs, "change", &(new.clone() - old))?;
                *old += &change;
            }
            rollup.next_height += flag;
            rollup.acts += flag;
        }
        Ok(())
    }

    /// Allocates a word of the source rollup's state; zero in an unused slot.
    fn of_source<CS: ConstraintSystem<Scalar>>(
        &self,
        cs: &mut CS,
        table: &Table,
        part: impl Fn(&Rollup) -> &Linear + Clone,
    ) -> Result<Linear, SynthesisError> {
        self.source.select(cs, table.rollups.iter().map(part))
    }
}
