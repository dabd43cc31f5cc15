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
    if cardinality(key_batches) > 0 then
        insert into keyed_write (api_key_id, idempotency_key, item, request_digest, block_number,
            replayed)
        select nullif(whose, ''), key, nth_item, digest, at_block + nth, false
        from unnest(key_batches, key_callers, idempotency_keys, key_items, request_digests)
            k (nth, whose, key, nth_item, digest);
    end if;
    return true;
end
$$;

-- Nobody has called it since the other one writes keys down.
drop function book_batches;

reset role;
