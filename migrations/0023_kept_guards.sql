-- The guards of what a posting writes, said so that one plan is good for ever and can be kept. Made anew at
-- each posting, the plans took most of the time of a small one; and a kept plan of what was said before could
-- be ten times as dear as a new one: "all after that block" looks like a part of the whole table, for which a
-- planner joins otherwise than for a few rows.
--
-- What makes them so: each row is found by its keys, for one row before it at a time (a lateral look with
-- "offset 0", which the planner does not merge with what surrounds it), and what belongs together is brought
-- together by order, in memory, so that nothing is sized by an estimate.
set local role netfold_owner;

-- As before: what was written are all transfers of blocks that nothing has moved by yet.
create or replace function transfer_guard() returns trigger
language plpgsql
set search_path = public, pg_temp
as $$
declare
    wrong bigint;
begin
    select came.block_number into wrong
    from (
        select block_number, epoch_number, posting_kind, count(*) as transfers,
            max(position) as last
        from added group by 1, 2, 3
    ) came
    left join lateral (
        select transfer_count from journal_block block
        where (block.block_number, block.epoch_number, block.posting_kind)
            = (came.block_number, came.epoch_number, came.posting_kind)
        offset 0
    ) block on true
    where block.transfer_count is distinct from came.transfers
        or came.last <> came.transfers - 1
        or came.block_number <= (select max(last_block) from balance)
    limit 1;
    if found then
        perform refuse('transfer_of_the_last_block',
            format('these are not the transfers of block %s, or too late', wrong));
    end if;
    return null;
end
$$;

-- As before: each account moves by the transfers since, after each block to the balance that the block's last
-- transfer of it states, and to the sums that are written; and a row that does not move is not touched, unless
-- what is held moves. For each account this puts in order the line that was there (as of block 0), a line
-- for each block, and the line that is there now, and looks at how they follow one another.
create or replace function balance_guard() returns trigger
language plpgsql
set search_path = public, pg_temp
as $$
declare
    applied bigint;
    reached bigint;
    first_epoch bigint;
    last_epoch bigint;
    wrong bigint;
    now_line constant bigint := 9223372036854775807;
begin
    if not exists (select from changed) then
        return null;
    end if;
    -- What they had moved by before: of those that changed now, and of the others.
    select max(last_block) into applied from (
        select last_block from old_balance
        union all
        select last_block from balance
        where account_id not in (select account_id from changed)
    ) one;
    -- All blocks since are of this db_tx, which may have opened an epoch in between.
    select epoch_number into first_epoch from journal_block
        where block_number > applied order by block_number limit 1;
    select block_number, epoch_number into reached, last_epoch from journal_block
        order by block_number desc limit 1;
    if exists (
        -- Few accounts move many times: one look at each transfer.
        with pair as materialized (
            select block_number, debit_account_id, credit_account_id, sum(atoms) as atoms,
                count(*) as transfers, max(position) as last_position
            from transfer
            where block_number > applied and block_number <= reached
                and epoch_number between first_epoch and last_epoch
            group by 1, 2, 3
        ), line as (
            select account_id, 0::bigint as block_number, debits::numeric as debits,
                credits::numeric as credits, version, null::integer as last_position, last_block,
                row (held_debits, held_credits, last_held_block)::text as held
            from old_balance
            union all
            select account_id, block_number, sum(debits), sum(credits), sum(transfers)::bigint,
                max(last_position), null, null
            from pair cross join lateral (
                values (debit_account_id, atoms, 0), (credit_account_id, 0, atoms)
            ) side (account_id, debits, credits)
            group by 1, 2
            union all
            select account_id, now_line, debits, credits, version, null, last_block,
                row (held_debits, held_credits, last_held_block)::text
            from changed
        ), followed as (
            select line.*,
                sum(debits) over so_far as debits_so_far, sum(credits) over so_far as credits_so_far,
                sum(version) over so_far as versions_so_far,
                first_value(block_number) over so_far as first_line,
                lead(block_number) over so_far as next_line,
                lag(block_number) over so_far as line_before,
                lag(last_block) over so_far as last_block_before,
                lag(held) over so_far as held_before
            from line window so_far as (partition by account_id order by block_number)
        )
        select from followed f
        left join lateral (
            -- Signed: custody is debit-normal, everything else credit-normal.
            select case when f.account_id / 4294967296 = 1 then -1 else 1 end
                * case when t.debit_account_id = f.account_id
                    then t.debit_balance::numeric else t.credit_balance::numeric end as balance
            from transfer t
            where f.last_position is not null
                and t.block_number = f.block_number and t.position = f.last_position
                and t.epoch_number between first_epoch and last_epoch
            offset 0
        ) stated on true
        where first_line <> 0 or next_line is null and block_number <> now_line
            or case block_number
                when 0 then false
                when now_line then
                    -- The sums hold this line itself: what was there before has to be the same.
                    (debits_so_far, credits_so_far, versions_so_far, last_block)
                        is distinct from (2 * debits, 2 * credits, 2 * version::numeric,
                            case line_before when 0 then last_block_before else line_before end)
                    or line_before = 0 and held = held_before
                else credits_so_far - debits_so_far is distinct from stated.balance
            end
    ) then
        perform refuse('balance_follows_the_journal',
            format('balances do not move by the transfers after block %s', applied));
    end if;
    select block_number into wrong from journal_block b
        where block_number > applied and block_number <= (select max(last_block) from changed)
            and transfer_count > 0 and not exists (
                select from transfer t where t.block_number = b.block_number
                    and t.position = b.transfer_count - 1
                    and t.epoch_number between first_epoch and last_epoch
                offset 0
            )
        limit 1;
    if found then
        perform refuse('journal_block_is_complete', format('block %s is not complete', wrong));
    end if;
    return null;
end
$$;

-- As before: a batch's lanes are what its transfers come to.
create or replace function lane_guard() returns trigger
language plpgsql
set search_path = public, pg_temp
as $$
declare
    first_epoch bigint;
    last_epoch bigint;
begin
    select min(b.epoch_number), max(b.epoch_number) into first_epoch, last_epoch
    from added a cross join lateral (
        select epoch_number from batch b
        where (b.rollup_id, b.height, b.attempt) = (a.rollup_id, a.height, a.attempt) offset 0
    ) b;
    if exists (
        select from (select distinct rollup_id, height, attempt from added) a
        cross join lateral (
            select block_number from batch b
            where (b.rollup_id, b.height, b.attempt) = (a.rollup_id, a.height, a.attempt) offset 0
        ) b
        cross join lateral (
            -- Lanes that are right, and all that the transfers come to.
            select count(*) as listed, count(*) filter (
                where (lane.atoms, lane.transfer_count) is not distinct from (sums.atoms, sums.transfers)
            ) as right_ones
            from (
                select asset_id, case when credit_account_id / 4294967296 = 3 then 0
                        else (credit_account_id / 65536) % 65536 end as destination_id,
                    sum(atoms) as atoms, count(*) as transfers
                from transfer t
                where t.block_number = b.block_number
                    and t.epoch_number between first_epoch and last_epoch
                group by 1, 2
            ) sums
            left join lateral (
                select l.atoms::numeric as atoms, l.transfer_count::bigint as transfer_count
                from lane l
                where (l.rollup_id, l.height, l.attempt, l.asset_id, l.destination_id)
                    = (a.rollup_id, a.height, a.attempt, sums.asset_id, sums.destination_id)
                offset 0
            ) lane on true
        ) sums
        where right_ones <> listed
            or listed <> (
                select count(*) from lane l
                where (l.rollup_id, l.height, l.attempt) = (a.rollup_id, a.height, a.attempt)
            )
    ) then
        perform refuse('lane_sums_what_is_listed', 'lanes differ from what the batch lists');
    end if;
    return null;
end
$$;

-- As before: an exit is its transfer once more, and comes again only when it was evicted.
create or replace function exit_guard() returns trigger
language plpgsql
set search_path = public, pg_temp
as $$
declare
    first_epoch bigint;
    last_epoch bigint;
begin
    select min(epoch_number), max(epoch_number) into first_epoch, last_epoch from added;
    if exists (
        select from added e
        left join lateral (
            select exits_before, transfer_count from batch b
            where (b.rollup_id, b.height, b.block_number, b.epoch_number)
                = (e.rollup_id, e.height, e.block_number, e.epoch_number)
            offset 0
        ) b on true
        left join lateral (
            select true as says_so from transfer t
            where t.block_number = e.block_number and t.position = e.position
                and t.epoch_number between first_epoch and last_epoch
                and t.asset_id = e.asset_id and t.atoms = e.atoms and t.recipient = e.recipient
                and t.credit_account_id / 4294967296 = 3
            offset 0
        ) t on true
        where b.transfer_count is null or t.says_so is null
            or e.exit_index <> b.exits_before + e.position - b.transfer_count
    ) then
        perform refuse('exit_says_what_its_transfer_says', 'exits differ from their transfers');
    end if;
    if exists (
        select from added e
        cross join lateral (
            select block_number from exit last
            where (last.rollup_id, last.exit_index, last.attempt)
                = (e.rollup_id, e.exit_index, e.previous_attempt)
            offset 0
        ) last
        where not is_evicted(last.block_number)
    ) then
        perform refuse('exit_attempt_follows_an_eviction', 'an exit of that number stands');
    end if;
    return null;
end
$$;

-- As before: a batch's block moves what the batch lists, for it and nobody else; it continues what stands; its
-- epoch has room for it, and no place is left out.
create or replace function batch_guard() returns trigger
language plpgsql
set search_path = public, pg_temp
as $$
declare
    wrong record;
    first_epoch bigint;
    last_epoch bigint;
begin
    select min(epoch_number), max(epoch_number) into first_epoch, last_epoch from added;
    select b.block_number, b.rollup_id, b.height into wrong
    from added b
    cross join lateral (
        select transfer_count from journal_block block where block.block_number = b.block_number
        offset 0
    ) block
    where b.transfer_count + b.exit_count <> block.transfer_count
        or block.transfer_count > 0 and not exists (
            select from transfer t where t.block_number = b.block_number
                and t.position = block.transfer_count - 1
                and t.epoch_number between first_epoch and last_epoch
            offset 0
        )
        or exists (
            select from transfer t where t.block_number = b.block_number
                and t.epoch_number between first_epoch and last_epoch
                and ((t.debit_account_id / 65536) % 65536 <> b.rollup_id
                    or (t.position >= b.transfer_count) <> (t.credit_account_id / 4294967296 = 3))
            offset 0
        )
    limit 1;
    if found then
        perform refuse('batch_moves_what_it_says',
            format('block %s does not move what batch %s of rollup %s lists',
                wrong.block_number, wrong.height, wrong.rollup_id));
    end if;
    select b.rollup_id, b.height into wrong
    from added b
    where exists (
        select from batch_eviction e
        where (e.rollup_id, e.height, e.attempt)
            = (b.rollup_id, b.previous_height, b.continued_attempt)
        offset 0
    )
    limit 1;
    if found then
        perform refuse('batch_continues_what_stands',
            format('batch %s of rollup %s continues an evicted one', wrong.height,
                wrong.rollup_id));
    end if;
    -- Counted only from the place on that so many batches can reach.
    select one.epoch_number into wrong
    from (select distinct epoch_number from added) one
    where (select max(place_in_epoch) from batch b
            where b.epoch_number = one.epoch_number) >= batches_per_epoch()
        and (select count(*) from batch b where b.epoch_number = one.epoch_number)
        - (select count(*) from batch_eviction e where e.epoch_number = one.epoch_number)
        > batches_per_epoch()
    limit 1;
    if found then
        perform refuse('batch_epoch_full',
            format('epoch %s has its %s batches', wrong.epoch_number, batches_per_epoch()));
    end if;
    select b.epoch_number, b.place_in_epoch into wrong from added b
    where b.place_in_epoch > 0 and not exists (
        select from batch before where before.epoch_number = b.epoch_number
            and before.place_in_epoch = b.place_in_epoch - 1
        offset 0
    )
    limit 1;
    if found then
        perform refuse('batch_place_without_gap',
            format('epoch %s has no batch at the place before %s', wrong.epoch_number,
                wrong.place_in_epoch));
    end if;
    return null;
end
$$;

do $$
declare
    guard text;
begin
    foreach guard in array
        array['transfer_guard', 'balance_guard', 'batch_guard', 'lane_guard', 'exit_guard']
    loop
        execute format('alter function %I() set plan_cache_mode = force_generic_plan', guard);
        execute format('alter function %I() set enable_seqscan = off', guard);
        execute format('alter function %I() set enable_hashjoin = off', guard);
        execute format('alter function %I() set enable_mergejoin = off', guard);
        execute format('alter function %I() set enable_hashagg = off', guard);
    end loop;
end
$$;

reset role;
