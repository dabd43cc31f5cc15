-- A batch of one transfer, decided where the books are and booked there: the next batch of its rollup, paid by
-- what its cell has. It is what a service does that has a function in the database instead of a writer, and
-- leaves the same rows as the ledger, hashes and all. Its caller has verified the signature.
drop schema if exists yardstick_books cascade;
create schema yardstick_books;

-- Sixteen bytes, the highest first. One expression, which the planner puts where it is called.
create function yardstick_books.atoms_send(amount numeric) returns bytea
language sql immutable
return int8send(div(amount, 18446744073709551616)::bigint)
    || int8send((mod(amount, 18446744073709551616) - case
        when mod(amount, 18446744073709551616) < 9223372036854775808 then 0
        else 18446744073709551616
    end)::bigint);

create function yardstick_books.post(
    rollup integer, batch_height bigint, previous bytea, next_root bytea, exits bytea, body bytea,
    digest bytea, signed bytea, lane bytea, asset integer, destination integer, amount numeric,
    whose bytea, no_exits bytea
) returns bigint
language plpgsql
set search_path = public, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
declare
    last_block record;
    last record;
    place integer;
    debited constant bigint := 2 * 4294967296 + rollup * 65536 + asset;
    credited constant bigint := 2 * 4294967296 + destination * 65536 + asset;
    debit_after numeric;
    credit_after numeric;
    moment timestamptz;
    block bigint;
    transfer_hash bytea;
    content bytea;
    hash bytea;
begin
    perform lock_books();
    select block_number, block_hash, (select max(epoch_number) from epoch) as epoch_number
        into last_block from journal_block order by block_number desc limit 1;
    select b.height, b.attempt, b.new_root, b.exits_after, b.exit_tree into last
        from batch b where b.rollup_id = rollup and not exists (
            select from batch_eviction e where e.reversed_block = b.block_number offset 0
        )
        order by b.height desc, b.attempt desc limit 1;
    if not found then
        select -1, 1, previous, 0, no_exits
            into last.height, last.attempt, last.new_root, last.exits_after, last.exit_tree;
    end if;
    if batch_height <> last.height + 1 or previous <> last.new_root
        or exists (select from foreign_settlement)
    then
        raise exception 'batch % of rollup % is not the next one', batch_height, rollup;
    end if;
    select coalesce(max(place_in_epoch) + 1, 0) into place
        from batch where epoch_number = last_block.epoch_number;
    -- Whoever has the lock of the books is alone with the balances.
    select credits - debits - amount into debit_after from balance where account_id = debited;
    select credits - debits + amount into credit_after from balance where account_id = credited;
    if debit_after < 0 then
        raise exception 'rollup % does not have % atoms', rollup, amount;
    end if;
    moment := clock_timestamp();
    block := last_block.block_number + 1;
    transfer_hash := sha256('\x00'::bytea || int4send(0) || int2send(asset::smallint)
        || int8send(debited) || int8send(credited) || yardstick_books.atoms_send(amount)
        || yardstick_books.atoms_send(debit_after) || yardstick_books.atoms_send(credit_after)
        || '\x01'::bytea || whose);
    content := sha256('\x02'::bytea
        || sha256('netfold.posting.v1'::bytea || '\x04'::bytea || int2send(rollup::smallint)
            || int8send(batch_height) || previous || next_root || exits || body || digest || signed
            || int4send(place) || int4send(last.exits_after::integer) || sha256(last.exit_tree)
            || int4send(1) || int4send(0) || int4send(1) || lane)
        || transfer_hash);
    hash := sha256('netfold.block.v1'::bytea || last_block.block_hash || int8send(block)
        || int8send(last_block.epoch_number) || '\x04'::bytea || int4send(1) || int8send(0)
        || int8send((extract(epoch from moment) * 1000000)::bigint * 1000) || content);
    insert into journal_block (block_number, epoch_number, posting_kind, transfer_count,
        previous_hash, content_digest, block_hash, posted_at)
    values (block, last_block.epoch_number, 4, 1, last_block.block_hash, content, hash, moment);
    insert into transfer (block_number, position, epoch_number, posting_kind, asset_id,
        debit_account_id, credit_account_id, atoms, debit_balance, credit_balance, recipient,
        transfer_digest)
    values (block, 0, last_block.epoch_number, 4, asset, debited, credited, amount, debit_after,
        credit_after, whose, transfer_hash);
    update balance set debits = debits + case account_id when debited then amount else 0 end,
        credits = credits + case account_id when credited then amount else 0 end,
        version = version + 1, last_block = block
    where account_id in (debited, credited);
    insert into batch (rollup_id, height, block_number, epoch_number, place_in_epoch,
        previous_root, new_root, exit_root, body_digest, batch_digest, signature, transfer_count,
        exit_count, exits_before, exit_tree, attempt, continued_attempt)
    values (rollup, batch_height, block, last_block.epoch_number, place, previous, next_root, exits, body,
        digest, signed, 1, 0, last.exits_after, last.exit_tree, 1, last.attempt);
    insert into lane (rollup_id, height, attempt, asset_id, destination_id, atoms, transfer_count)
    values (rollup, batch_height, 1, asset, destination, amount, 1);
    return block;
end
$$;

grant usage on schema yardstick_books to netfold_api;
