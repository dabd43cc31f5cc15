-- Writes that were asked for with an idempotency key, kept with what they wrote, in its db_tx; and small
-- mends of guards and of a check.
set local role netfold_owner;

-- As before; and a lane is of a batch that is there, whoever has switched foreign keys off.
create or replace function lane_guard() returns trigger
language plpgsql
set search_path = public, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_hashagg = off
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
        left join lateral (
            select block_number from batch b
            where (b.rollup_id, b.height, b.attempt) = (a.rollup_id, a.height, a.attempt) offset 0
        ) b on true
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
        where b.block_number is null or right_ones <> listed
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

-- A rollup's number has 16 bits.
alter table api_key drop constraint api_key_scopes_known;
alter table api_key add constraint api_key_scopes_known check (
    scopes ~ '^(read|operate|prove|submit:[1-9][0-9]{0,4})( (read|operate|prove|submit:[1-9][0-9]{0,4})){0,19}$'
    and scopes !~ 'submit:(6553[6-9]|655[4-9][0-9]|65[6-9][0-9]{2}|6[6-9][0-9]{3}|[7-9][0-9]{4})'
);

-- A write that was asked for with an idempotency key, and what it did: the same key and request are answered
-- from here and from what it names. Written with what the request wrote, or not at all; a request that was
-- refused is not here. Kept as long as the books are.
create table keyed_write (
    -- The key of the api that it was asked with. Null for whoever came without one.
    api_key_id text,
    -- Idempotency keys are each caller's own: nobody meets another's.
    caller text not null generated always as (coalesce(api_key_id, '')) stored,
    idempotency_key text not null,
    -- Which of several batches that came in one request, from 0.
    item integer not null,
    -- SHA-256 of method, path and body.
    request_digest hash32 not null,
    -- The block of the batch that was asked for.
    block_number bigint,
    -- Whether the batch had been booked before.
    replayed boolean not null,
    -- The epoch that was to be sealed.
    epoch_number bigint,
    written_at timestamptz not null default clock_timestamp(),
    -- The block that was booked for this request.
    booked_block bigint generated always as (case when not replayed then block_number end) stored,
    constraint keyed_write_key primary key (caller, idempotency_key, item),
    constraint keyed_write_booked_once unique (booked_block),
    constraint keyed_write_key_in_bound check (idempotency_key ~ '^[!-~]{1,255}$'),
    constraint keyed_write_item_in_bound check (item between 0 and 99),
    constraint keyed_write_says_what check (
        (block_number is null) <> (epoch_number is null) and (epoch_number is null or not replayed)
    ),
    constraint keyed_write_by_key foreign key (api_key_id) references api_key,
    constraint keyed_write_of_batch foreign key (block_number) references batch (block_number),
    constraint keyed_write_of_request foreign key (epoch_number) references seal_request
);

-- Guard: a key stands for one request, whichever of its items were written when.
create function keyed_write_guard() returns trigger
language plpgsql
set search_path = public, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
    wrong record;
begin
    -- Of two at once the second sees the first.
    perform lock_books();
    select a.caller, a.idempotency_key into wrong
    from added a
    where exists (
        select from keyed_write k
        where k.caller = a.caller and k.idempotency_key = a.idempotency_key
            and k.request_digest <> a.request_digest
        offset 0
    )
    limit 1;
    if found then
        perform refuse('keyed_write_of_one_request',
            format('idempotency key %s stands for another request', wrong.idempotency_key));
    end if;
    return null;
end
$$;

create trigger keyed_write_guard after insert on keyed_write referencing new table as added
    for each statement execute function keyed_write_guard();
alter table keyed_write enable always trigger keyed_write_guard;

call make_append_only('keyed_write');

grant select on keyed_write to netfold_engine, netfold_api, netfold_read;
grant insert on keyed_write to netfold_api;

-- As book_batches, and writes down the idempotency keys that batches of the group came with. An api of the
-- version before calls the other one.
create function book_batches_with_keys(
    at_block bigint, at_hash bytea, at_epoch bigint, moment timestamptz,
    rollups integer[], heights bigint[], attempts integer[], continued_attempts integer[],
    places integer[], previous_roots bytea[], new_roots bytea[], exit_roots bytea[],
    body_digests bytea[], batch_digests bytea[], signatures bytea[], transfer_counts integer[],
    exit_counts integer[], exit_numbers bigint[], exit_trees bytea[], contents bytea[],
    block_hashes bytea[],
    transfer_batches integer[], transfer_positions integer[], transfer_assets integer[],
    debited bigint[], credited bigint[], transfer_atoms numeric[], debit_balances numeric[],
    credit_balances numeric[], transfer_recipients bytea[], transfer_digests bytea[],
    accounts bigint[], account_debits text[], account_credits text[], account_versions bigint[],
    account_blocks bigint[],
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
    if not book_batches(at_block, at_hash, at_epoch, moment, rollups, heights, attempts,
        continued_attempts, places, previous_roots, new_roots, exit_roots, body_digests,
        batch_digests, signatures, transfer_counts, exit_counts, exit_numbers, exit_trees, contents,
        block_hashes, transfer_batches, transfer_positions, transfer_assets, debited, credited,
        transfer_atoms, debit_balances, credit_balances, transfer_recipients, transfer_digests,
        accounts, account_debits, account_credits, account_versions, account_blocks, lane_batches,
        lane_assets, lane_destinations, lane_atoms, lane_transfer_counts, exit_batches,
        exit_indices, exit_positions, exit_assets, exit_recipients, exit_atoms, exit_leaves)
    then
        return false;
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

grant execute on function book_batches_with_keys to netfold_api;

-- Whoever comes by hand, with the server's own settings, does not wait for a guard to be compiled.
do $$
declare
    guard regprocedure;
begin
    for guard in
        select p.oid::regprocedure from pg_proc p
        where pronamespace = 'public'::regnamespace and prorettype = 'trigger'::regtype
    loop
        execute format('alter function %s set jit = off', guard);
    end loop;
end
$$;
alter function book_batches set jit = off;

reset role;
