-- What a batch costs that comes alone.
set local role netfold_owner;

-- As before. Whether a batch has a lane is looked up for that batch.
create or replace function journal_block_is_complete() returns trigger
language plpgsql
set search_path = public, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
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
                select from batch b
                -- Said as "not exists", a kept plan may read the keys of all lanes there are.
                left join lateral (
                    select true as is_there from lane l
                    where (l.rollup_id, l.height, l.attempt) = (b.rollup_id, b.height, b.attempt)
                    limit 1
                ) lane on true
                where b.block_number = new.block_number
                    and b.exit_count = (
                        select count(*) from exit where block_number = new.block_number
                    )
                    and (new.transfer_count = 0) = (lane.is_there is null)
            );
        when 5 then
            complete := exists (select from claim where block_number = new.block_number);
        when 6 then
            complete := exists (select from batch_eviction where block_number = new.block_number);
        when 7 then
            complete := exists (select from hold where block_number = new.block_number);
        when 8 then
            complete := exists (select from hold_end where block_number = new.block_number);
        else
            complete := false;
    end case;
    if not complete
        or new.transfer_count > 0
            and not exists (select from balance where last_block >= new.block_number)
    then
        perform refuse('journal_block_is_complete',
            format('block %s is not complete', new.block_number));
    end if;
    return null;
end
$$;

-- Books a small group of batches with the idempotency keys that they came with, in one call. The call decides
-- nothing. It takes the books' lock, looks whether they are where they were when the batches were decided, and
-- writes the rows that it is given, with the caller's rights and past every guard; or it writes none and says so.
-- Rows are read off the columns by their numbers: a set of rows for each column costs more than a small group's own.
create or replace function book_batches_with_keys(
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
    exit_recipients bytea[], exit_atoms numeric[], exit_leaves bytea[],
    -- Of which batch, from 1; the caller's key of the api, or nothing.
    key_batches integer[], key_callers text[], idempotency_keys text[], key_items integer[],
    request_digests bytea[]
) returns boolean
language plpgsql
set search_path = public, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
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
    if cardinality(rollups) = 0 and cardinality(key_batches) = 0 then
        return true;
    end if;
    insert into journal_block (block_number, epoch_number, posting_kind, transfer_count,
        previous_hash, content_digest, block_hash, posted_at)
    select at_block + nth, at_epoch, 4, transfer_counts[nth] + exit_counts[nth],
        case nth when 1 then at_hash else block_hashes[nth - 1] end, contents[nth],
        block_hashes[nth], moment
    from generate_series(1, cardinality(rollups)) nth;
    if cardinality(transfer_batches) > 0 then
        insert into transfer (block_number, position, epoch_number, posting_kind, asset_id,
            debit_account_id, credit_account_id, atoms, debit_balance, credit_balance, recipient,
            transfer_digest)
        select at_block + transfer_batches[nth], transfer_positions[nth], at_epoch, 4,
            transfer_assets[nth], debited[nth], credited[nth], transfer_atoms[nth],
            debit_balances[nth], credit_balances[nth], transfer_recipients[nth],
            transfer_digests[nth]
        from generate_series(1, cardinality(transfer_batches)) nth;
        update balance set debits = account_debits[nth]::numeric,
            credits = account_credits[nth]::numeric, version = account_versions[nth],
            last_block = account_blocks[nth]
        from generate_series(1, cardinality(accounts)) nth
        where balance.account_id = accounts[nth];
    end if;
    insert into batch (rollup_id, height, block_number, epoch_number, place_in_epoch,
        previous_root, new_root, exit_root, body_digest, batch_digest, signature,
        transfer_count, exit_count, exits_before, exit_tree, attempt, continued_attempt)
    select rollups[nth], heights[nth], at_block + nth, at_epoch, places[nth], previous_roots[nth],
        new_roots[nth], exit_roots[nth], body_digests[nth], batch_digests[nth], signatures[nth],
        transfer_counts[nth], exit_counts[nth], exit_numbers[nth], exit_trees[nth], attempts[nth],
        continued_attempts[nth]
    from generate_series(1, cardinality(rollups)) nth;
    if cardinality(lane_batches) > 0 then
        insert into lane (rollup_id, height, attempt, asset_id, destination_id, atoms,
            transfer_count)
        select rollups[lane_batches[nth]], heights[lane_batches[nth]], attempts[lane_batches[nth]],
            lane_assets[nth], lane_destinations[nth], lane_atoms[nth], lane_transfer_counts[nth]
        from generate_series(1, cardinality(lane_batches)) nth;
    end if;
    if cardinality(exit_batches) > 0 then
        insert into exit (rollup_id, height, block_number, epoch_number, exit_index, position,
            asset_id, recipient, atoms, leaf, attempt)
        select rollups[exit_batches[nth]], heights[exit_batches[nth]], at_block + exit_batches[nth],
            at_epoch, exit_indices[nth], exit_positions[nth], exit_assets[nth],
            exit_recipients[nth], exit_atoms[nth], exit_leaves[nth], (
                select coalesce(max(last.attempt), 0) + 1 from exit last
                where last.rollup_id = rollups[exit_batches[nth]]
                    and last.exit_index = exit_indices[nth]
            )
        from generate_series(1, cardinality(exit_batches)) nth;
    end if;
    if cardinality(key_batches) > 0 then
        insert into keyed_write (api_key_id, idempotency_key, item, request_digest, block_number,
            replayed)
        select nullif(key_callers[nth], ''), idempotency_keys[nth], key_items[nth],
            request_digests[nth], at_block + key_batches[nth], false
        from generate_series(1, cardinality(key_batches)) nth;
    end if;
    return true;
end
$$;

-- Nobody has called it since the other one writes keys down.
drop function book_batches;

reset role;
