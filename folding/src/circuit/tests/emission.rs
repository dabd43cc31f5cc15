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
