-- Nine tenths of the books are transfers. They are kept in partitions by epoch, so that a stretch of old
-- epochs goes as a whole: into a file, whose hash and range stay here. Everything else stays for ever:
-- each block's header covers its transfers by their Merkle root, so the file is proven by the headers.
set local role netfold_owner;

-- How many epochs the next partition takes. Those that are there keep theirs, so a later migration may
-- choose another number.
create function epochs_per_partition() returns integer language sql immutable as 'select 64';

-- Every partition that was ever made, without gap or overlap. The one that begins with epoch n is the
-- table transfer_n.
create table transfer_partition (
    first_epoch bigint not null,
    last_epoch bigint not null,
    previous_last_epoch bigint generated always as (nullif(first_epoch - 1, 0)) stored,
    made_at timestamptz not null default clock_timestamp(),
    constraint transfer_partition_key primary key (first_epoch),
    constraint transfer_partition_range_unique unique (first_epoch, last_epoch),
    constraint transfer_partition_end_unique unique (last_epoch),
    constraint transfer_partition_has_epochs check (first_epoch >= 1 and last_epoch >= first_epoch),
    constraint transfer_partition_continues foreign key (previous_last_epoch)
        references transfer_partition (last_epoch)
);

-- An exit's row is compared with its transfer once, by exit_guard; neither changes later. A foreign key
-- would keep every old transfer here for ever.
alter table exit drop constraint exit_of_transfer;

-- What is there becomes the first partition, whatever number of epochs it has: its rows stay where they
-- are, only the key is built anew.
alter table transfer rename to transfer_1;
drop index transfer_of_debited, transfer_of_credited;
alter table transfer_1
    drop constraint transfer_key,
    add constraint transfer_1_pkey primary key (block_number, position, epoch_number);

-- The key begins with the block, so that within a partition a block's number alone finds its rows.
create table transfer (
    like transfer_1 including defaults including constraints including storage,
    constraint transfer_key primary key (block_number, position, epoch_number)
) partition by range (epoch_number);
-- Without the position all transfers of an account and block share an entry: a third of the size, and a
-- sixth less work for each transfer.
create index transfer_of_debited on transfer (debit_account_id, block_number);
create index transfer_of_credited on transfer (credit_account_id, block_number);

-- Statement triggers run for the table that a statement names, and no others: so the guards stand on
-- `transfer` and on each partition. Writers name the partition: rows that go through `transfer` are
-- routed and written one by one. Nobody else needs a partition; reading goes through `transfer`.
create procedure guard_transfers(table_name text) language plpgsql as $$
begin
    execute format(
        'create trigger transfer_guard after insert on %I referencing new table as added
             for each statement execute function transfer_guard()', table_name);
    execute format('alter table %I enable always trigger transfer_guard', table_name);
    call make_append_only(table_name);
    execute format('grant insert on %I to netfold_engine, netfold_api', table_name);
end
$$;
call guard_transfers('transfer');
grant select on transfer to netfold_engine, netfold_api, netfold_read;
revoke select on transfer_1 from netfold_engine, netfold_api, netfold_read;

-- An epoch that opens has a partition: the next one is made when the last one is full. A table of its own
-- that is attached locks nobody out of reading or writing; whoever opens an epoch holds the books.
create function open_partition() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    first bigint;
    name text;
begin
    select max(last_epoch) + 1 into first from transfer_partition;
    if new.epoch_number < first then
        return null;
    end if;
    name := format('transfer_%s', first);
    execute format('create table %I
        (like transfer including defaults including constraints including storage)', name);
    call guard_transfers(name);
    execute format('alter table transfer attach partition %I for values from (%s) to (%s)',
        name, first, first + epochs_per_partition());
    insert into transfer_partition (first_epoch, last_epoch)
    values (first, first + epochs_per_partition() - 1);
    return null;
end
$$;
create trigger open_partition after insert on epoch
    for each row execute function open_partition();
alter table epoch enable always trigger open_partition;

do $$
declare
    last bigint := (
        select greatest((max(epoch_number) - 1) / epochs_per_partition() + 1, 1)
            * epochs_per_partition()
        from epoch
    );
begin
    execute format('alter table transfer attach partition transfer_1 for values from (1) to (%s)',
        last + 1);
    insert into transfer_partition (first_epoch, last_epoch) values (1, last);
end
$$;

-- A partition that is in a file. A file holds one partition; they go in order.
create table archived_range (
    first_epoch bigint not null,
    last_epoch bigint not null,
    previous_last_epoch bigint generated always as (nullif(first_epoch - 1, 0)) stored,
    first_block bigint not null,
    last_block bigint not null,
    previous_block bigint generated always as (nullif(first_block - 1, 0)) stored,
    last_block_hash hash32 not null,
    transfer_count bigint not null,
    file_digest hash32 not null, -- sha256 of the whole file
    file_length bigint not null,
    archived_by text not null default session_user,
    archived_at timestamptz not null default clock_timestamp(),
    constraint archived_range_key primary key (first_epoch),
    constraint archived_range_end_unique unique (last_epoch, last_block),
    constraint archived_range_of_partition foreign key (first_epoch, last_epoch)
        references transfer_partition (first_epoch, last_epoch),
    constraint archived_range_continues foreign key (previous_last_epoch, previous_block)
        references archived_range (last_epoch, last_block),
    constraint archived_range_first_has_no_past check ((first_epoch = 1) = (first_block = 1)),
    constraint archived_range_pins_the_journal foreign key (last_block, last_block_hash)
        references journal_block (block_number, block_hash),
    constraint archived_range_numbers_in_bound check (
        last_block >= first_block - 1 and transfer_count >= 0 and file_length > 0
    )
);

-- What stood on each account when its last archived transfer was booked: where running balances go on
-- from.
create table archived_balance (
    first_epoch bigint not null,
    account_id bigint not null,
    debits turnover not null,
    credits turnover not null,
    version bigint not null, -- number of transfers so far
    last_block bigint not null,
    constraint archived_balance_key primary key (first_epoch, account_id),
    constraint archived_balance_of_range foreign key (first_epoch) references archived_range,
    constraint archived_balance_of_account foreign key (account_id) references account,
    constraint archived_balance_moved check (version >= 1 and last_block >= 1)
);

-- Guard: what is archived needs nobody any more. Every epoch of it is final and has both proofs, and it
-- ends where its last epoch was sealed, with as many transfers as its blocks say.
create function archived_range_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    perform lock_books();
    if exists (
        select from generate_series(new.first_epoch, new.last_epoch) one (epoch_number)
        where not exists (select from epoch_final f where f.epoch_number = one.epoch_number)
            or not exists (select from epoch_proof p where p.epoch_number = one.epoch_number)
            or not exists (
                select from epoch_settlement_proof p where p.epoch_number = one.epoch_number
            )
    ) then
        perform refuse('archived_range_is_final',
            format('an epoch from %s to %s is not final and proven twice',
                new.first_epoch, new.last_epoch));
    end if;
    if not exists (
        select from epoch_seal
        where epoch_number = new.last_epoch and last_block = new.last_block
    ) or new.transfer_count <> (
        select coalesce(sum(transfer_count), 0) from journal_block
        where block_number between new.first_block and new.last_block
    ) then
        perform refuse('archived_range_is_whole',
            format('epochs %s to %s have other blocks or transfers',
                new.first_epoch, new.last_epoch));
    end if;
    return new;
end
$$;
create trigger archived_range_guard before insert on archived_range
    for each row execute function archived_range_guard();
alter table archived_range enable always trigger archived_range_guard;

-- A partition is here, or it is archived: the row that says so takes it away.
create function drop_partition() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    execute format('alter table transfer detach partition transfer_%s', new.first_epoch);
    execute format('drop table transfer_%s', new.first_epoch);
    return null;
end
$$;
create trigger drop_partition after insert on archived_range
    for each row execute function drop_partition();
alter table archived_range enable always trigger drop_partition;

call make_append_only('transfer_partition');
call make_append_only('archived_range');
call make_append_only('archived_balance');
grant select on transfer_partition, archived_range, archived_balance
    to netfold_engine, netfold_api, netfold_read;

-- The guards say of which epochs the transfers are that they look for: so the planner sees one partition,
-- or two where an epoch has just opened.

-- As before; and no balance moves past a block that does not have its transfers. Those come all or not at
-- all, so the last one stands for them. It is looked at here, once per group, and not by each block.
create or replace function balance_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
declare
    applied bigint;
    first_epoch bigint;
    wrong bigint;
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
    if exists (
        -- Few accounts move many times: one look at each transfer.
        with pair as materialized (
            select block_number, debit_account_id, credit_account_id, sum(atoms) as atoms,
                count(*) as transfers, max(position) as last
            from transfer where block_number > applied and epoch_number >= first_epoch
            group by 1, 2, 3
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
                and t.epoch_number >= first_epoch
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
    select block_number into wrong from journal_block b
        where block_number > applied and block_number <= (select max(last_block) from changed)
            and transfer_count > 0 and not exists (
                select from transfer t where t.block_number = b.block_number
                    and t.position = b.transfer_count - 1 and t.epoch_number >= first_epoch
            )
        limit 1;
    if found then
        perform refuse('journal_block_is_complete', format('block %s is not complete', wrong));
    end if;
    return null;
end
$$;

-- As before.
create or replace function batch_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
declare
    wrong record;
    first_epoch bigint;
    last_epoch bigint;
begin
    select min(epoch_number), max(epoch_number) into first_epoch, last_epoch from added;
    select b.block_number, b.rollup_id, b.height into wrong
    from added b
    join journal_block block using (block_number)
    where b.transfer_count + b.exit_count <> block.transfer_count
        or block.transfer_count > 0 and not exists (
            select from transfer t where t.block_number = b.block_number
                and t.position = block.transfer_count - 1
                and t.epoch_number between first_epoch and last_epoch
        )
        or exists (
            select from transfer t where t.block_number = b.block_number
                and t.epoch_number between first_epoch and last_epoch
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

-- As before.
create or replace function lane_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
declare
    first_epoch bigint;
    last_epoch bigint;
begin
    select min(epoch_number), max(epoch_number) into first_epoch, last_epoch
        from added join batch using (rollup_id, height, attempt);
    if exists (
        select from (
            select b.rollup_id, b.height, b.attempt, t.asset_id,
                case when t.credit_account_id / 4294967296 = 3 then 0
                    else (t.credit_account_id / 65536) % 65536 end as destination_id,
                sum(t.atoms) as atoms
            from (select distinct rollup_id, height, attempt from added) one
            join batch b using (rollup_id, height, attempt)
            join transfer t using (block_number)
            where t.epoch_number between first_epoch and last_epoch
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

-- As before.
create or replace function exit_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
declare
    first_epoch bigint;
    last_epoch bigint;
begin
    select min(epoch_number), max(epoch_number) into first_epoch, last_epoch from added;
    if exists (
        select from added e
        left join batch b on b.rollup_id = e.rollup_id and b.height = e.height
            and b.block_number = e.block_number and b.epoch_number = e.epoch_number
        left join transfer t on t.block_number = e.block_number and t.position = e.position
            and t.epoch_number between first_epoch and last_epoch
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

-- As before.
create or replace function deposit_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    if not exists (
        select from transfer where block_number = new.block_number and position = 0
            and epoch_number = new.epoch_number
            and debit_account_id = 4294967296 + new.asset_id
            and credit_account_id = 2 * 4294967296 + new.rollup_id * 65536::bigint + new.asset_id
            and atoms = new.atoms
    ) then
        perform refuse('deposit_moves_what_it_says',
            format('block %s does not move its deposit', new.block_number));
    end if;
    return null;
end
$$;

-- As before.
create or replace function claim_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    if not exists (
        select from transfer where block_number = new.block_number and position = 0
            and epoch_number = new.epoch_number
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

-- As before.
create or replace function batch_eviction_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
declare
    first_epoch bigint;
    last_epoch bigint;
begin
    select min(epoch_number), max(epoch_number) into first_epoch, last_epoch from added;
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
                    and back.epoch_number between first_epoch and last_epoch
                    and back.debit_account_id = t.credit_account_id
                    and back.credit_account_id = t.debit_account_id
                    and back.atoms = t.atoms
                where t.block_number = e.reversed_block
                    and t.epoch_number between first_epoch and last_epoch
                    and back.position is null
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

-- As before. By what balances have moved, all transfers up to there are booked: balance_guard saw to it.
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
        or new.transfer_count > 0
            and (select max(last_block) from balance) < new.block_number
    then
        perform refuse('journal_block_is_complete',
            format('block %s is not complete', new.block_number));
    end if;
    return null;
end
$$;

-- As in 0016, since a replaced function loses its settings. What reads transfers makes its plans anew: a
-- kept one would hold, and lock, every partition.
do $$
declare
    guard text;
begin
    alter function journal_block_is_complete() set plan_cache_mode = force_generic_plan;
    alter function journal_block_is_complete() set enable_seqscan = off;
    foreach guard in array array['balance_guard', 'batch_guard', 'lane_guard', 'exit_guard',
        'deposit_guard', 'claim_guard', 'batch_eviction_guard']
    loop
        execute format('alter function %I() set plan_cache_mode = force_custom_plan', guard);
        execute format('alter function %I() set enable_seqscan = off', guard);
    end loop;
end
$$;

reset role;
