//! Emission slots.

use super::*;

fn show_cell(slot: usize, cell: usize) -> impl FnOnce(&mut Witness) {
    move |witness| witness.emitted_cells[slot][cell] = Scalar::ONE
}

fn show_rollup(slot: usize, rollup: usize) -> impl FnOnce(&mut Witness) {
    move |witness| witness.emitted_rollups[slot][rollup] = Scalar::ONE
}

/// COMPLETE: a cell that nothing touched and a rollup that did nothing are not shown.
#[test]
fn what_is_not_touched_is_not_emitted() {
    let rule = "shown once, if flagged";
    // Cell (1,2) holds money, but the step does not move it.
    Attempt::honest().with(show_cell(7, 1)).check_refused_by(rule);
    Attempt::honest().with(show_rollup(3, 2)).check_refused_by(rule);
}

/// COMPLETE: no two slots show the same cell or rollup.
#[test]
fn nothing_is_emitted_twice() {
    let rule = "shown once, if flagged";
    Attempt::honest().with(show_cell(7, 0)).check_refused_by(rule);
    Attempt::honest().with(show_rollup(3, 0)).check_refused_by(rule);
}

/// COMPLETE: what is touched and not shown is pending; a proof whose last step leaves something
/// pending states so.
#[test]
fn what_is_not_emitted_is_pending() {
    assert_eq!(Attempt::honest().accepted()[3], Scalar::ZERO);
    let hide_cell = |witness: &mut Witness| witness.emitted_cells[0] = [Scalar::ZERO; MAX_CELLS];
    let hide_rollup =
        |witness: &mut Witness| witness.emitted_rollups[1] = [Scalar::ZERO; MAX_ROLLUPS];
    assert_eq!(Attempt::honest().with(hide_cell).accepted()[3], Scalar::ONE);
    let both = Attempt::honest().with(hide_cell).with(hide_rollup);
    assert_eq!(both.accepted()[3], Scalar::from(2));
}

/// COMPLETE: a flag that an earlier step left can be neither dropped nor set at will.
#[test]
fn earlier_touches_stay_pending() {
    let touched = |witness: &mut Witness| {
        witness.cells[9].touched = Scalar::ONE;
        witness.rollups[2].active = Scalar::ONE;
    };
    let attempt = Attempt::of(&opening(), &[]).with(touched).sealed();
    assert_eq!(attempt.accepted()[3], Scalar::from(2));
    let shown = attempt.with(show_cell(0, 9)).with(show_rollup(0, 2));
    assert_eq!(shown.accepted()[3], Scalar::ZERO);
}

/// COMPLETE: showing a cell starts its amounts over; the next state digest is that of the
/// reference.
#[test]
fn emission_starts_the_amounts_over() {
    let operations = operations(&opening());
    let (closing, output) =
        one_step(&operations).run(&opening(), context(), domain::Word::ZERO).unwrap();
    assert_eq!(closing, closing.close_epoch());
    assert_eq!(word(Attempt::honest().accepted()[2]), output.state_digest);
}

/// A shown rollup's words are its number and next height, both roots and its key, as its last batch
/// left them; and nobody shows other roots than those of the state.
#[test]
fn a_rollup_is_shown_with_both_roots() {
    let operations = operations(&opening());
    let (closing, _) =
        one_step(&operations).run(&opening(), context(), domain::Word::ZERO).unwrap();
    let output = Attempt::honest().accepted();
    let first = 5 + domain::limits::CELLS_EMITTED_PER_STEP * 2;
    for (slot, rollup) in [1, 2, 4].into_iter().enumerate() {
        let state = closing.rollup(domain::RollupId::new(rollup)).unwrap();
        let key = state.key.unwrap();
        let head = u64::from(rollup) + (state.next_height.number() << 16);
        let words = [state.root.words(), state.exit_root.words(), [key.x(), key.y()]].concat();
        let expected: Vec<Scalar> =
            std::iter::once(Scalar::from(head)).chain(words.into_iter().map(scalar)).collect();
        assert_eq!(output[first + 7 * slot..first + 7 * (slot + 1)], expected, "rollup {rollup}");
    }
    let active = |witness: &mut Witness| witness.rollups[2].active = Scalar::ONE;
    let shown = Attempt::of(&opening(), &[]).with(active).with(show_rollup(0, 2)).sealed();
    shown.accepted();
    for half in 0..2 {
        let root = |witness: &mut Witness| witness.rollups[2].root[half] += Scalar::ONE;
        shown.clone().with(root).check_refused_by("state digest");
        let exit_root = |witness: &mut Witness| witness.rollups[2].exit_root[half] += Scalar::ONE;
        shown.clone().with(exit_root).check_refused_by("state digest");
    }
}

/// A slot shows one cell or rollup at most.
#[test]
fn a_slot_shows_one_thing() {
    let mut attempt = Attempt::honest();
    attempt.witness.emitted_cells[0] = [Scalar::ZERO; MAX_CELLS];
    attempt.witness.emitted_cells[1] = [Scalar::ZERO; MAX_CELLS];
    attempt.clone().accepted();
    attempt.witness.emitted_cells[0][0] = Scalar::ONE;
    attempt.witness.emitted_cells[0][4] = Scalar::ONE;
    let broken = attempt.run().unwrap_err();
    assert!(broken.iter().any(|name| name.contains("at most one flag")), "{broken:?}");
}
