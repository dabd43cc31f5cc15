-- A small group of batches is booked by one call, which is one way to the server and back instead of a
-- dozen: then the way is most of what a batch costs that comes alone. The call decides nothing. It takes
-- the books' lock, looks whether they are where they were when the batches were decided, and writes the
-- rows that it is given, with the caller's rights and past every guard; or it writes none and says so.
set local role netfold_owner;

create function book_batches(
    -- Where the books were, and the time.
    at_block bigint, at_hash bytea, at_epoch bigint, moment timestamptz,
    -- The batches in order. Each is one block, and they follow one another.
    rollups integer[], heights bigint[], attempts integer[], continued_attempts integer[],
    places integer[], previous_roots bytea[], new_roots bytea[], exit_roots bytea[],
    body_digests bytea[], batch_digests bytea[], signatures bytea[], transfer_counts integer[],
    exit_counts integer[], exit_numbers bigint[], exit_trees bytea[], contents bytea[],
    block_hashes bytea[],
    -- Their transfers: first of which of them, from 1.
    transfer_batches integer[], transfer_positions integer[], transfer_assets integer[],
    debited bigint[], credited bigint[], transfer_atoms numeric[], debit_balances numeric[],
    credit_balances numeric[], transfer_recipients bytea[], transfer_digests bytea[],
    -- The sums of the accounts that they touch, after all of them.
    accounts bigint[], account_debits text[], account_credits text[], account_versions bigint[],
    account_blocks bigint[],
    -- Their lanes and exits.
    lane_batches integer[], lane_assets integer[], lane_destinations integer[], lane_atoms numeric[],
    lane_transfer_counts integer[],
    exit_batches integer[], exit_indices bigint[], exit_positions integer[], exit_assets integer[],
    exit_recipients bytea[], exit_atoms numeric[], exit_leaves bytea[]
) returns boolean
language plpgsql
set search_path = public, pg_temp
-- Every statement finds its rows by keys and is the same each time.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
begin
    -- A statement of its own: the next one then sees what was committed while it waited.
    perform lock_books();
    -- The blocks carry the caller's time, so it has to be that of the database, if a little old.
    if not exists (
            select from (
                select block_number, block_hash, posted_at from journal_block
                order by block_number desc limit 1
            ) last
            where block_number = at_block and block_hash = at_hash and posted_at <= moment
        )
        or at_epoch is distinct from (select max(epoch_number) from epoch)
        or exists (select from foreign_settlement)
        or moment not between clock_timestamp() - interval '1 second' and clock_timestamp()
    then
        return false;
    end if;
    if cardinality(rollups) = 0 then
        return true;
    end if;
    insert into journal_block (block_number, epoch_number, posting_kind, transfer_count,
        previous_hash, content_digest, block_hash, posted_at)
    select at_block + nth, at_epoch, 4, transfers + exits,
        coalesce(lag(hash) over (order by nth), at_hash), content, hash, moment
    from unnest(transfer_counts, exit_counts, contents, block_hashes)
        with ordinality b (transfers, exits, content, hash, nth)
    order by nth;
    if cardinality(transfer_batches) > 0 then
        insert into transfer (block_number, position, epoch_number, posting_kind, asset_id,
            debit_account_id, credit_account_id, atoms, debit_balance, credit_balance, recipient,
            transfer_digest)
        select at_block + nth, place, at_epoch, 4, asset, debit, credit, amount, debit_after,
            credit_after, whose, digest
        from unnest(transfer_batches, transfer_positions, transfer_assets, debited, credited,
            transfer_atoms, debit_balances, credit_balances, transfer_recipients, transfer_digests)
            t (nth, place, asset, debit, credit, amount, debit_after, credit_after, whose, digest);
        update balance set debits = s.debits::numeric, credits = s.credits::numeric,
            version = s.version, last_block = s.last_block
        from unnest(accounts, account_debits, account_credits, account_versions, account_blocks)
            s (account_id, debits, credits, version, last_block)
        where balance.account_id = s.account_id;
    end if;
    insert into batch (rollup_id, height, block_number, epoch_number, place_in_epoch,
        previous_root, new_root, exit_root, body_digest, batch_digest, signature,
        transfer_count, exit_count, exits_before, exit_tree, attempt, continued_attempt)
    select rollup, batch_height, at_block + nth, at_epoch, place, previous, new, exit, body,
        digest, signed, transfers, exits, number, tree, nth_attempt, continued
    from unnest(rollups, heights, places, previous_roots, new_roots, exit_roots, body_digests,
        batch_digests, signatures, transfer_counts, exit_counts, exit_numbers, exit_trees,
        attempts, continued_attempts)
        with ordinality b (rollup, batch_height, place, previous, new, exit, body, digest, signed,
            transfers, exits, number, tree, nth_attempt, continued, nth);
    if cardinality(lane_batches) > 0 then
        insert into lane (rollup_id, height, attempt, asset_id, destination_id, atoms,
            transfer_count)
        select rollups[nth], heights[nth], attempts[nth], asset, destination, amount, transfers
        from unnest(lane_batches, lane_assets, lane_destinations, lane_atoms, lane_transfer_counts)
            l (nth, asset, destination, amount, transfers);
    end if;
    if cardinality(exit_batches) > 0 then
        insert into exit (rollup_id, height, block_number, epoch_number, exit_index, position,
            asset_id, recipient, atoms, leaf, attempt)
        select rollups[nth], heights[nth], at_block + nth, at_epoch, number, place, asset, whose,
            amount, tree_leaf, (
                select coalesce(max(last.attempt), 0) + 1 from exit last
                where last.rollup_id = rollups[nth] and last.exit_index = number
            )
        from unnest(exit_batches, exit_indices, exit_positions, exit_assets, exit_recipients,
            exit_atoms, exit_leaves) e (nth, number, place, asset, whose, amount, tree_leaf);
    end if;
    return true;
end
$$;

grant execute on function book_batches to netfold_api;

-- What runs once per group finds its rows by keys alone, too, and may keep its plans. Made anew they were
-- half of what a small group costs, and the planner, asked each time, would now and then read all lanes or
-- transfers there are to join them with a few. A kept plan is good as long as it cannot be of another
-- kind: row by row along an index, whatever the size of a table is or was when the plan was made. One that
-- reads transfers holds every partition, though, and is left to Postgres: it keeps such a plan while it
-- costs less than making one for the partition that is meant, so while there are a few partitions.
do $$
declare
    guard text;
begin
    foreach guard in array
        array['transfer_guard', 'balance_guard', 'batch_guard', 'lane_guard', 'exit_guard']
    loop
        execute format('alter function %I() set plan_cache_mode = %s', guard,
            -- It asks for what came after a block, which the planner takes for a third of everything: left to
            -- itself it would never keep that plan.
            case guard when 'balance_guard' then 'force_generic_plan' else 'auto' end);
        execute format('alter function %I() set enable_seqscan = off', guard);
        execute format('alter function %I() set enable_hashjoin = off', guard);
        execute format('alter function %I() set enable_mergejoin = off', guard);
    end loop;
end
$$;

-- Three places of guards, changed in the functions as they are by now, that say the same as before:
-- * The last transfer of a batch's block is looked up for each batch: an "offset 0" keeps the planner from
--   reading all transfers into a table of its own instead.
-- * An epoch's batches are counted only from the place on that so many batches can reach: places are
--   numbers from 0 that no two batches of an epoch share.
-- * Whether any balance has moved by a block is known when the first one is found.
do $$
declare
    changed text;
    now text;
    change record;
begin
    for change in
        select * from (values
            ('batch_guard',
                '(and t\.position = block\.transfer_count - 1(\s+and t\.epoch_number between \w+ and \w+)?)',
                '\1 offset 0'),
            ('batch_guard',
                '(where) (\(select count\(\*\) from batch b where b\.epoch_number = one\.epoch_number\))',
                '\1 (select max(place_in_epoch) from batch b
            where b.epoch_number = one.epoch_number) >= batches_per_epoch()
        and \2'),
            ('journal_block_is_complete',
                '\(select max\(last_block\) from balance\) < new\.block_number',
                'not exists (select from balance where last_block >= new.block_number)')
        ) one (guard, found, instead)
    loop
        now := pg_get_functiondef(change.guard::regproc);
        changed := regexp_replace(now, change.found, change.instead);
        if changed = now then
            raise exception '% does not say what it said', change.guard;
        end if;
        execute changed;
    end loop;
end
$$;

reset role;
