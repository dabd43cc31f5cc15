-- A batch whose step cannot be proven is evicted while its epoch is open, with everything that
-- stands on it: each by a posting of its own that moves back what it moved and names it. Nothing is
-- taken out of the books. Its height and its exits' numbers are free again, so both are counted by
-- attempts: the next one exists only after the one before was evicted. Every row from before is a
-- first attempt.
set local role netfold_owner;

-- What refers to a batch or an exit lets go of it, so that their keys can grow.
alter table batch drop constraint batch_continues_the_last;
alter table lane drop constraint lane_of_batch, drop constraint lane_key;
alter table equivocation drop constraint equivocation_of_batch;
alter table claim drop constraint claim_of_exit;
alter table exit
    drop constraint exit_continues_the_last,
    drop constraint exit_of_batch,
    drop constraint exit_terms_unique,
    drop constraint exit_index_taken,
    drop column previous_index;
alter table batch
    drop constraint batch_height_taken,
    drop constraint batch_end_unique,
    drop constraint batch_digest_unique;

-- How many batches of an epoch may stand at once: as many as there were places, a number of the
-- circuit's shape, which is stated here alone from now on.
do $$
declare
    places text := (
        select substring(pg_get_constraintdef(oid) from '<= (\d+)') from pg_constraint
        where conname = 'batch_epoch_full' and conrelid = 'batch'::regclass
    );
begin
    if places is null then
        raise exception 'batch_epoch_full does not say how many places an epoch has';
    end if;
    execute format('create function batches_per_epoch() returns integer language sql immutable
        as ''select %s''', places::integer + 1);
end
$$;
alter table batch drop constraint batch_epoch_full;

alter table batch
    add column attempt integer not null default 1,           -- at this height, from 1
    add column previous_attempt integer generated always as (nullif(attempt - 1, 0)) stored,
    add column continued_attempt integer not null default 1, -- of the batch before; 1 at height 0
    add constraint batch_height_taken primary key (rollup_id, height, attempt),
    add constraint batch_attempt_from_one check (attempt >= 1),
    add constraint batch_end_unique unique (rollup_id, height, attempt, new_root, exits_after),
    add constraint batch_booked_unique
        unique (rollup_id, height, attempt, block_number, epoch_number),
    add constraint batch_block_of_height_unique unique (block_number, rollup_id, height),
    -- The batch's number among all that the epoch took, evicted ones too. How many of them may
    -- stand at once is the guard's to hold.
    add constraint batch_place_in_bound check (place_in_epoch >= 0);
alter table batch add constraint batch_continues_the_last foreign key
    (rollup_id, previous_height, continued_attempt, previous_root, exits_before)
    references batch (rollup_id, height, attempt, new_root, exits_after);

alter table lane
    add column attempt integer not null default 1,
    add constraint lane_key primary key (rollup_id, height, attempt, asset_id, destination_id),
    add constraint lane_of_batch foreign key (rollup_id, height, attempt) references batch;

-- That the numbers of exits have neither gap nor fork follows from their batches: each batch that
-- stands continues one that stands, with the number after its last exit, and has its exits under
-- the numbers that follow.
alter table exit
    add column attempt integer not null default 1, -- how often its number was given out, from 1
    add column previous_attempt integer generated always as (nullif(attempt - 1, 0)) stored,
    add constraint exit_index_taken primary key (rollup_id, exit_index, attempt),
    add constraint exit_attempt_from_one check (attempt >= 1),
    add constraint exit_terms_unique
        unique (rollup_id, exit_index, attempt, asset_id, recipient, atoms),
    add constraint exit_of_batch foreign key (block_number, rollup_id, height)
        references batch (block_number, rollup_id, height);
alter table exit add constraint exit_continues_its_attempts foreign key
    (rollup_id, exit_index, previous_attempt) references exit (rollup_id, exit_index, attempt);

alter table claim
    add column exit_attempt integer not null default 1,
    add constraint claim_of_exit foreign key
        (rollup_id, exit_index, exit_attempt, asset_id, recipient, atoms)
        references exit (rollup_id, exit_index, attempt, asset_id, recipient, atoms);

-- The journal: kind 6, reversal, moves back what a batch moved: from cells or the rollup's pot to
-- its cells. Nobody receives it, so it has no recipients.
alter table journal_block
    drop constraint journal_block_kind_known,
    drop constraint journal_block_transfers_in_bound,
    add constraint journal_block_kind_known check (posting_kind between 1 and 6),
    add constraint journal_block_transfers_in_bound check (
        case
            when posting_kind in (4, 6) then transfer_count between 0 and 1000
            when posting_kind in (3, 5) then transfer_count = 1
            else transfer_count = 0
        end
    );
alter table transfer
    drop constraint transfer_fits_its_posting,
    add constraint transfer_fits_its_posting check (
        case posting_kind
            when 3 then debit_account_id / 4294967296 = 1 and credit_account_id / 4294967296 = 2
            when 4 then debit_account_id / 4294967296 = 2
                and (credit_account_id / 4294967296 = 2
                    or credit_account_id = debit_account_id + 4294967296)
            when 5 then debit_account_id / 4294967296 = 3 and credit_account_id / 4294967296 = 1
            when 6 then credit_account_id / 4294967296 = 2
                and (debit_account_id / 4294967296 = 2
                    or debit_account_id = credit_account_id + 4294967296)
            else false
        end
    );

-- What was evicted, why, and the posting that reverses it. Both blocks are of one epoch and a block
-- is written into the open epoch only: a sealed epoch is never changed.
create table batch_eviction (
    rollup_id integer not null,
    height bigint not null,
    attempt integer not null,
    reversed_block bigint not null, -- the batch's
    block_number bigint not null,   -- the reversal's
    posting_kind smallint generated always as (6) stored,
    epoch_number bigint not null,
    cause_rollup_id integer not null, -- the batch that could not be proven; of that one, itself
    cause_height bigint not null,
    cause_attempt integer not null,
    reason text not null,
    constraint batch_eviction_once primary key (rollup_id, height, attempt),
    constraint batch_eviction_of_batch foreign key
        (rollup_id, height, attempt, reversed_block, epoch_number)
        references batch (rollup_id, height, attempt, block_number, epoch_number),
    constraint batch_eviction_reverses_once unique (reversed_block),
    constraint batch_eviction_block_unique unique (block_number),
    constraint batch_eviction_posted foreign key (block_number, posting_kind, epoch_number)
        references journal_block (block_number, posting_kind, epoch_number),
    constraint batch_eviction_of_cause foreign key (cause_rollup_id, cause_height, cause_attempt)
        references batch_eviction (rollup_id, height, attempt),
    constraint batch_eviction_reason_in_bound check (char_length(reason) between 1 and 1000)
);

alter table batch add constraint batch_attempt_follows_an_eviction foreign key
    (rollup_id, height, previous_attempt) references batch_eviction (rollup_id, height, attempt);

-- Whether a block's batch was evicted; for guards, whose search path it takes.
create function is_evicted(block bigint) returns boolean
language sql stable as $$
    select exists (select from batch_eviction where reversed_block = block)
$$;

-- Guard: a reversal is the exact mirror of its batch, the last transfer first; no batch that stands
-- continues an evicted one; and L1 has paid none of its exits. All of an eviction come at once.
create function batch_eviction_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    if exists (
        select from added e
        join journal_block batch on batch.block_number = e.reversed_block
        join journal_block reversal on reversal.block_number = e.block_number
        where reversal.transfer_count <> batch.transfer_count
            or reversal.block_number < batch.block_number
            or exists (
                select from transfer t
                left join transfer back on back.block_number = e.block_number
                    and back.position = batch.transfer_count - 1 - t.position
                    and back.debit_account_id = t.credit_account_id
                    and back.credit_account_id = t.debit_account_id
                    and back.atoms = t.atoms
                where t.block_number = e.reversed_block and back.position is null
            )
    ) then
        perform refuse('batch_eviction_moves_back',
            'a reversal does not move back what its batch moved');
    end if;
    if exists (
        select from added e
        join batch b on b.rollup_id = e.rollup_id and b.height = e.height + 1
            and b.continued_attempt = e.attempt
        where not is_evicted(b.block_number)
    ) then
        perform refuse('batch_eviction_has_no_successor',
            'a batch that stands continues an evicted one');
    end if;
    if exists (
        select from added e
        join exit x on x.block_number = e.reversed_block
        join claim c on c.rollup_id = x.rollup_id and c.exit_index = x.exit_index
            and c.exit_attempt = x.attempt
    ) then
        perform refuse('batch_eviction_of_unpaid_exits', 'L1 has paid an exit of the batch');
    end if;
    return null;
end
$$;
create trigger batch_eviction_guard after insert on batch_eviction referencing new table as added
    for each statement execute function batch_eviction_guard();
alter table batch_eviction enable always trigger batch_eviction_guard;

-- As before; and a batch continues one that stands, in an epoch that has room for it. A full epoch
-- takes no more batches, so that it always fits its steps: what was evicted leaves its room.
create or replace function batch_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    if exists (
        select from transfer where block_number = new.block_number
            and ((debit_account_id / 65536) % 65536 <> new.rollup_id
                or (position >= new.transfer_count) <> (credit_account_id / 4294967296 = 3))
    ) or new.transfer_count + new.exit_count <> (
        select transfer_count from journal_block where block_number = new.block_number
    ) then
        perform refuse('batch_moves_what_it_says',
            format('block %s does not move what batch %s of rollup %s lists',
                new.block_number, new.height, new.rollup_id));
    end if;
    if exists (
        select from batch_eviction where rollup_id = new.rollup_id
            and height = new.previous_height and attempt = new.continued_attempt
    ) then
        perform refuse('batch_continues_what_stands',
            format('batch %s of rollup %s continues an evicted one', new.height, new.rollup_id));
    end if;
    if (select count(*) from batch where epoch_number = new.epoch_number)
        - (select count(*) from batch_eviction where epoch_number = new.epoch_number)
        > batches_per_epoch()
    then
        perform refuse('batch_epoch_full',
            format('epoch %s has its %s batches', new.epoch_number, batches_per_epoch()));
    end if;
    return null;
end
$$;

-- As before, by attempts.
create or replace function lane_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    if exists (
        select from (
            select b.rollup_id, b.height, b.attempt, t.asset_id,
                case when t.credit_account_id / 4294967296 = 3 then 0
                    else (t.credit_account_id / 65536) % 65536 end as destination_id,
                sum(t.atoms) as atoms
            from (select distinct rollup_id, height, attempt from added) one
            join batch b using (rollup_id, height, attempt)
            join transfer t using (block_number)
            group by 1, 2, 3, 4, 5
        ) listed
        full join (
            select rollup_id, height, attempt, asset_id, destination_id, atoms::numeric as declared
            from lane where (rollup_id, height, attempt) in (
                select rollup_id, height, attempt from added
            )
        ) lane using (rollup_id, height, attempt, asset_id, destination_id)
        where declared is distinct from listed.atoms
    ) then
        perform refuse('lane_sums_what_is_listed', 'lanes differ from what the batch lists');
    end if;
    return null;
end
$$;

-- As before; and a number is given out again only when its last exit was evicted.
create or replace function exit_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    if exists (
        select from added e
        left join batch b on b.rollup_id = e.rollup_id and b.height = e.height
            and b.block_number = e.block_number and b.epoch_number = e.epoch_number
        left join transfer t on t.block_number = e.block_number and t.position = e.position
            and t.asset_id = e.asset_id and t.atoms = e.atoms and t.recipient = e.recipient
            and t.credit_account_id / 4294967296 = 3
        where b.height is null or t.position is null
            or e.exit_index <> b.exits_before + e.position - b.transfer_count
    ) then
        perform refuse('exit_says_what_its_transfer_says', 'exits differ from their transfers');
    end if;
    if exists (
        select from added e
        join exit last on last.rollup_id = e.rollup_id and last.exit_index = e.exit_index
            and last.attempt = e.previous_attempt
        where not is_evicted(last.block_number)
    ) then
        perform refuse('exit_attempt_follows_an_eviction', 'an exit of that number stands');
    end if;
    return null;
end
$$;

-- As before; and what was evicted is not paid.
create or replace function claim_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    if not exists (
        select from transfer where block_number = new.block_number and position = 0
            and debit_account_id = 3 * 4294967296 + new.rollup_id * 65536::bigint + new.asset_id
            and atoms = new.atoms
    ) then
        perform refuse('claim_moves_what_it_says',
            format('block %s does not move its claim', new.block_number));
    end if;
    if exists (
        select from exit where rollup_id = new.rollup_id and exit_index = new.exit_index
            and attempt = new.exit_attempt and is_evicted(block_number)
    ) then
        perform refuse('claim_of_what_stands',
            format('exit %s of rollup %s was evicted', new.exit_index, new.rollup_id));
    end if;
    return null;
end
$$;

-- Guard, where there was a foreign key: the recorded batch is the one that stands. Another batch
-- for a height whose batch was evicted contradicts nothing.
create function equivocation_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    if not exists (
        select from batch where rollup_id = new.rollup_id and height = new.height
            and batch_digest = new.recorded_digest and not is_evicted(block_number)
    ) then
        perform refuse('equivocation_of_batch',
            format('no such batch %s of rollup %s stands', new.height, new.rollup_id));
    end if;
    return new;
end
$$;
create trigger equivocation_guard before insert on equivocation
    for each row execute function equivocation_guard();
alter table equivocation enable always trigger equivocation_guard;

-- As before, by attempts, with one more kind.
create or replace function journal_block_is_complete() returns trigger
language plpgsql set search_path = public, pg_temp as $$
declare
    complete boolean;
begin
    case new.posting_kind
        when 1 then
            complete := exists (select from asset where block_number = new.block_number);
        when 2 then
            complete := exists (select from rollup where block_number = new.block_number);
        when 3 then
            complete := exists (select from deposit where block_number = new.block_number);
        when 4 then
            complete := exists (
                select from batch b where b.block_number = new.block_number
                    and b.exit_count = (
                        select count(*) from exit where block_number = new.block_number
                    )
                    and (new.transfer_count = 0) = (not exists (
                        select from lane l where l.rollup_id = b.rollup_id
                            and l.height = b.height and l.attempt = b.attempt
                    ))
            );
        when 5 then
            complete := exists (select from claim where block_number = new.block_number);
        when 6 then
            complete := exists (select from batch_eviction where block_number = new.block_number);
        else
            complete := false;
    end case;
    if not complete
        or new.transfer_count <> (
            select count(*) from transfer where block_number = new.block_number
        )
        or exists (
            select from (
                select debit_account_id as account_id from transfer
                where block_number = new.block_number
                union
                select credit_account_id from transfer where block_number = new.block_number
            ) touched
            left join balance using (account_id)
            where last_block is null or last_block < new.block_number
        )
    then
        perform refuse('journal_block_is_complete',
            format('block %s is not complete', new.block_number));
    end if;
    return null;
end
$$;

-- The event of an equivocation is of the epoch of the last attempt, the one that stands. Only that
-- line is changed, in the function as it is by now.
do $$
declare
    now text := pg_get_functiondef('append_event'::regproc);
    line text := 'where rollup_id = new.rollup_id and height = new.height;';
begin
    if strpos(now, line) = 0 then
        raise exception 'append_event does not read the batch of an equivocation';
    end if;
    execute replace(now, line,
        'where rollup_id = new.rollup_id and height = new.height order by attempt desc limit 1;');
end
$$;

call make_append_only('batch_eviction');

grant execute on function is_evicted(bigint), batches_per_epoch() to netfold_engine, netfold_api;
grant select on batch_eviction to netfold_engine, netfold_api, netfold_read;
grant insert on batch_eviction to netfold_engine;

reset role;
