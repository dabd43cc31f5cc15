-- Several blocks are written in one db_tx: all their transfers in one statement, each touched balance
-- once. The guards, which knew one block at a time, now know any number of them that follow one
-- another, and look at each transfer fewer times.
set local role netfold_owner;

-- Guard: a block's transfers come all in one statement, as many as the block says, and before any
-- balance has moved past it. So a block can never get another one later.
create or replace function transfer_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
declare
    wrong bigint;
begin
    select came.block_number into wrong
    from (
        select block_number, epoch_number, posting_kind, count(*) as transfers,
            max(position) as last
        from added group by 1, 2, 3
    ) came
    left join journal_block block
        on (block.block_number, block.epoch_number, block.posting_kind)
            = (came.block_number, came.epoch_number, came.posting_kind)
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

-- Guard: balances move together, by exactly the transfers of the blocks that they have not moved by
-- yet, account by account; and at each block's end they are what its last transfer of the account says,
-- which is never below zero. Once per group of blocks.
create or replace function balance_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
declare
    applied bigint;
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
    if exists (
        -- Few accounts move many times: one look at each transfer.
        with pair as materialized (
            select block_number, debit_account_id, credit_account_id, sum(atoms) as atoms,
                count(*) as transfers, max(position) as last
            from transfer where block_number > applied group by 1, 2, 3
        ), side as (
            select account_id, block_number, sum(debits) as debits, sum(credits) as credits,
                sum(transfers) as transfers, max(last) as last
            from pair cross join lateral (
                values (debit_account_id, atoms, 0), (credit_account_id, 0, atoms)
            ) one (account_id, debits, credits)
            group by 1, 2
        ), booked as (
            select account_id, block_number, last,
                sum(debits) over so_far as debits, sum(credits) over so_far as credits,
                sum(transfers) over so_far as transfers,
                lead(block_number) over so_far is null as is_last
            from side window so_far as (partition by account_id order by block_number)
        )
        select from booked
        full join (
            select n.account_id, n.debits, n.credits, n.version, n.last_block,
                o.debits as old_debits, o.credits as old_credits, o.version as old_version
            from changed n join old_balance o using (account_id)
        ) moved using (account_id)
        left join transfer t
            on t.block_number = booked.block_number and t.position = booked.last
        where booked.block_number is null
            or moved.old_debits is null
            -- Signed: custody is debit-normal, everything else credit-normal.
            or case when account_id / 4294967296 = 1 then 1 else -1 end
                    * (old_debits + booked.debits - old_credits - booked.credits)
                is distinct from case when t.debit_account_id = account_id
                    then t.debit_balance::numeric else t.credit_balance::numeric end
            or is_last and (moved.debits, moved.credits, moved.version, moved.last_block)
                is distinct from (old_debits + booked.debits, old_credits + booked.credits,
                    old_version + booked.transfers, booked.block_number)
    ) then
        perform refuse('balance_follows_the_journal',
            format('balances do not move by the transfers after block %s', applied));
    end if;
    return null;
end
$$;

-- As before, for any number of batches at once, and of blocks that have their transfers: those come all
-- or not at all, so the last one stands for them.
create or replace function batch_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
declare
    wrong record;
begin
    select b.block_number, b.rollup_id, b.height into wrong
    from added b
    join journal_block block using (block_number)
    where b.transfer_count + b.exit_count <> block.transfer_count
        or block.transfer_count > 0 and not exists (
            select from transfer t where t.block_number = b.block_number
                and t.position = block.transfer_count - 1
        )
        or exists (
            select from transfer t where t.block_number = b.block_number
                and ((t.debit_account_id / 65536) % 65536 <> b.rollup_id
                    or (t.position >= b.transfer_count) <> (t.credit_account_id / 4294967296 = 3))
        )
    limit 1;
    if found then
        perform refuse('batch_moves_what_it_says',
            format('block %s does not move what batch %s of rollup %s lists',
                wrong.block_number, wrong.height, wrong.rollup_id));
    end if;
    select b.rollup_id, b.height into wrong
    from added b
    join batch_eviction e
        on (e.rollup_id, e.height, e.attempt) = (b.rollup_id, b.previous_height, b.continued_attempt)
    limit 1;
    if found then
        perform refuse('batch_continues_what_stands',
            format('batch %s of rollup %s continues an evicted one', wrong.height,
                wrong.rollup_id));
    end if;
    select one.epoch_number into wrong
    from (select distinct epoch_number from added) one
    where (select count(*) from batch b where b.epoch_number = one.epoch_number)
        - (select count(*) from batch_eviction e where e.epoch_number = one.epoch_number)
        > batches_per_epoch()
    limit 1;
    if found then
        perform refuse('batch_epoch_full',
            format('epoch %s has its %s batches', wrong.epoch_number, batches_per_epoch()));
    end if;
    return null;
end
$$;
drop trigger batch_guard on batch;
create trigger batch_guard after insert on batch referencing new table as added
    for each statement execute function batch_guard();
alter table batch enable always trigger batch_guard;

-- As before. A block's transfers come all or not at all, so the last one stands for them; and balances
-- move by all blocks up to the last that any has moved by.
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
        or new.transfer_count > 0 and (
            not exists (
                select from transfer where block_number = new.block_number
                    and position = new.transfer_count - 1
            )
            or (select max(last_block) from balance) < new.block_number
        )
    then
        perform refuse('journal_block_is_complete',
            format('block %s is not complete', new.block_number));
    end if;
    return null;
end
$$;

-- Guards find their rows by keys, whatever the planner thinks of a table that has just grown. What runs
-- once per block keeps its plans: to make them anew took most of a small posting's time. What runs once
-- per group looks at many rows or few: there a plan of another moment would cost more.
do $$
declare
    guard text;
begin
    foreach guard in array array['journal_block_guard', 'append_event', 'journal_block_is_complete']
    loop
        execute format('alter function %I() set plan_cache_mode = force_generic_plan', guard);
        execute format('alter function %I() set enable_seqscan = off', guard);
    end loop;
    foreach guard in array
        array['transfer_guard', 'balance_guard', 'batch_guard', 'lane_guard', 'exit_guard']
    loop
        execute format('alter function %I() set plan_cache_mode = force_custom_plan', guard);
        execute format('alter function %I() set enable_seqscan = off', guard);
    end loop;
end
$$;

-- An epoch's blocks follow one another, so that their numbers find its transfers.
drop index transfer_of_epoch;

reset role;
