-- The settler's grace on L1 starts anew with each settlement of theirs. When nothing happens for half of
-- it, an epoch is sealed for the grace alone, and only such a one may hold nothing.
set local role netfold_owner;

alter table epoch_seal
    drop constraint epoch_seal_reason_known,
    drop constraint epoch_seal_not_empty;
alter table epoch_seal
    -- 1 schedule, 2 size, 3 value, 4 command, 5 grace
    add constraint epoch_seal_reason_known check (reason between 1 and 5),
    add constraint epoch_seal_not_empty check (
        batch_count >= 0 and (operation_count >= 1 or (reason = 5 and operation_count = 0))
    );

reset role;
