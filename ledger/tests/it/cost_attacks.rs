//! What each constraint of fees, turns and work is there to refuse; `refusals` tries it.

/// On the rows of `life::live`.
pub(crate) const COST_ATTACKS: &[(&str, &str)] = &[
    (
        "epoch_settlement_fee_key",
        "insert into epoch_settlement_fee select * from epoch_settlement_fee",
    ),
    (
        "epoch_settlement_fee_of_settlement",
        "update epoch_settlement_fee set sequence = 9 where sequence = 1",
    ),
    ("epoch_settlement_fee_price_in_bound", "update epoch_settlement_fee set gas_price = -1"),
    (
        "turn_key",
        "insert into turn (turn_number, turn_kind, name, backend) select turn_number, turn_kind, name, backend from turn",
    ),
    (
        "turn_continues",
        "insert into turn (turn_number, turn_kind, name, backend) values (9223372036854775807, 3, 'x', 1)",
    ),
    (
        "turn_of_an_engine",
        "alter table turn enable always trigger turn_guard; set local role netfold_prover; insert into turn (turn_number, turn_kind, name, backend) select max(turn_number) + 1, 1, 'x', 1 from turn",
    ),
    ("turn_from_one", "update turn set turn_number = 0 where turn_number = 1"),
    ("turn_kind_known", "update turn set turn_kind = 2"),
    ("turn_name_in_bound", "update turn set name = ''"),
    ("turn_name_in_bound", "update turn set name = repeat('x', 101)"),
    (
        "epoch_work_key",
        "insert into epoch_work (epoch_number, work_kind, step_number, turn_number, took_ms) select epoch_number, work_kind, step_number, turn_number, took_ms from epoch_work",
    ),
    ("epoch_work_of_epoch", "update epoch_work set epoch_number = 9 where work_kind = 2"),
    (
        "epoch_work_of_step",
        "update epoch_work set step_number = 99 where work_kind = 1 and step_number = 1",
    ),
    ("epoch_work_of_turn", "update epoch_work set turn_number = 9"),
    ("epoch_work_kind_known", "update epoch_work set work_kind = 4 where work_kind = 3"),
    (
        "epoch_work_step_in_bound",
        "update epoch_work set work_kind = 3 where work_kind = 1 and step_number = 1",
    ),
    ("epoch_work_step_in_bound", "update epoch_work set step_number = 1 where work_kind = 2"),
    ("epoch_work_took_in_bound", "update epoch_work set took_ms = -1"),
    ("epoch_work_took_in_bound", "update epoch_work set took_ms = 9223372036854775807"),
];
