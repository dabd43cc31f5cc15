-- What only the ledger's own code saw to is seen to here as well: whoever has a role and writes by hand
-- cannot do it otherwise.
set local role netfold_owner;

-- As before; and nothing goes into an epoch that is sealed, be it that the next one has not opened; blocks
-- bear times that do not go back, and none that is to come; and no batch is booked once L1 has gone on
-- with somebody else's state.
create or replace function journal_block_guard() returns trigger
language plpgsql
set search_path = public, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
    before timestamptz;
begin
    perform lock_books();
    if new.epoch_number is distinct from (select max(epoch_number) from epoch)
        or exists (select from epoch_seal where epoch_number = new.epoch_number)
    then
        perform refuse('journal_block_in_open_epoch',
            format('block %s is not of the open epoch', new.block_number));
    end if;
    if current_user = 'netfold_api' and new.posting_kind <> 4 then
        perform refuse('journal_block_of_its_role', 'the api posts batches only');
    end if;
    select posted_at into before from journal_block where block_number = new.block_number - 1;
    if new.posted_at < before or new.posted_at > greatest(clock_timestamp(), before) then
        perform refuse('journal_block_in_time',
            format('block %s bears a time before the last one or to come', new.block_number));
    end if;
    if new.posting_kind = 4 and exists (select from foreign_settlement) then
        perform refuse('journal_block_of_our_own_state',
            'L1 has gone on with a state that somebody else settled');
    end if;
    return new;
end
$$;

-- The places of an epoch's batches are numbers without gaps: there is always a next one.
do $$
declare
    now text := pg_get_functiondef('batch_guard'::regproc);
    changed text := regexp_replace(now, '(    return null;\nend\s+\$function\$\s*)$',
'    select b.epoch_number, b.place_in_epoch into wrong from added b
    where b.place_in_epoch > 0 and not exists (
        select from batch before where before.epoch_number = b.epoch_number
            and before.place_in_epoch = b.place_in_epoch - 1
    )
    limit 1;
    if found then
        perform refuse(''batch_place_without_gap'',
            format(''epoch %s has no batch at the place before %s'', wrong.epoch_number,
                wrong.place_in_epoch));
    end if;
\1');
begin
    if changed = now then
        raise exception 'batch_guard does not end as it did';
    end if;
    execute changed;
end
$$;

-- What an epoch closes with is written with its seal, before the next one opens.
create function epoch_closing_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    if exists (
        select from added join epoch next on next.epoch_number = added.epoch_number + 1
    ) then
        perform refuse('epoch_closing_before_the_next', 'the next epoch has opened');
    end if;
    return null;
end
$$;
create trigger epoch_closing_guard after insert on epoch_cell referencing new table as added
    for each statement execute function epoch_closing_guard();
alter table epoch_cell enable always trigger epoch_closing_guard;
create trigger epoch_closing_guard after insert on epoch_rollup referencing new table as added
    for each statement execute function epoch_closing_guard();
alter table epoch_rollup enable always trigger epoch_closing_guard;

reset role;
