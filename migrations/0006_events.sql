-- Everything that happened, in one order: for readers, and for the audit.
set local role netfold_owner;

-- One row per journal block and per row of an epoch's life, numbered without gaps under the lock of
-- the books, so that "after number n" misses nothing. Each row holds the digest of what it announces
-- and is chained to the one before: a later change of either shows.
create table event (
    event_number bigint not null,
    previous_number bigint generated always as (nullif(event_number - 1, 0)) stored,
    event_kind smallint not null,
    epoch_number bigint not null,
    block_number bigint, -- of postings
    ordinal integer,     -- of steps, attempts and settlements: which
    rollup_id integer,   -- of batches and equivocations
    height bigint,
    recorded_at timestamptz not null,
    previous_hash hash32 not null,
    content_digest hash32 not null,
    event_hash hash32 not null,
    constraint event_key primary key (event_number),
    constraint event_from_one check (event_number >= 1),
    constraint event_hash_unique unique (event_number, event_hash),
    constraint event_continues_the_chain foreign key (previous_number, previous_hash)
        references event (event_number, event_hash),
    constraint event_first_has_no_past check (
        event_number > 1 or previous_hash = decode(repeat('00', 32), 'hex')
    )
);
create index event_of_epoch on event (epoch_number, event_number);

-- The digest of a row's content: SHA-256 over its columns as a JSON array, in which no two different
-- rows look alike. Big working bytes stand in it by their own digest.
create function row_digest(content jsonb) returns bytea language sql stable
set timezone = 'UTC' set bytea_output = 'hex' as $$
    select sha256(convert_to(content::text, 'UTF8'))
$$;
create function content(r domain_identity) returns jsonb language sql stable
set timezone = 'UTC' set bytea_output = 'hex' as $$
    select jsonb_build_array(r.chain_id, r.settlement, r.domain_id, r.verification_key_id,
        r.genesis_digest, r.deployed_at_block, r.adopted_at)
$$;
create function content(r epoch) returns jsonb language sql stable
set timezone = 'UTC' set bytea_output = 'hex' as $$
    select jsonb_build_array(r.epoch_number, r.opening_digest, r.opened_at)
$$;
create function content(r l1_settlement) returns jsonb language sql stable
set timezone = 'UTC' set bytea_output = 'hex' as $$
    select jsonb_build_array(r.epoch_number, r.state_digest, r.step_count, r.tx_hash, r.log_index,
        l.l1_block_number, l.l1_block_hash)
    from l1_log l where (l.tx_hash, l.log_index) = (r.tx_hash, r.log_index)
$$;
create function content(r equivocation) returns jsonb language sql stable
set timezone = 'UTC' set bytea_output = 'hex' as $$
    select jsonb_build_array(r.rollup_id, r.height, r.recorded_digest, r.refused_digest,
        r.refused_words, r.refused_signature, r.seen_at)
$$;
create function content(r seal_request) returns jsonb language sql stable
set timezone = 'UTC' set bytea_output = 'hex' as $$
    select jsonb_build_array(r.epoch_number, r.requested_by, r.requested_at)
$$;
create function content(r epoch_seal) returns jsonb language sql stable
set timezone = 'UTC' set bytea_output = 'hex' as $$
    select jsonb_build_array(r.epoch_number, r.reason, r.last_block, r.last_block_hash,
        r.l1_block_number, r.l1_block_hash, r.batch_count, r.operation_count, r.transfer_count,
        r.opening_digest, r.closing_digest, r.sealed_at)
$$;
create function content(r epoch_step) returns jsonb language sql stable
set timezone = 'UTC' set bytea_output = 'hex' as $$
    select jsonb_build_array(r.epoch_number, r.step_number, r.output, r.recorded_at)
$$;
create function content(r epoch_proof) returns jsonb language sql stable
set timezone = 'UTC' set bytea_output = 'hex' as $$
    select jsonb_build_array(r.epoch_number, r.closing_digest, r.step_count, sha256(r.proof),
        r.proof_digest, r.proven_at)
$$;
create function content(r epoch_submission) returns jsonb language sql stable
set timezone = 'UTC' set bytea_output = 'hex' as $$
    select jsonb_build_array(r.epoch_number, r.attempt, r.sender, r.nonce, r.tx_hash,
        sha256(r.raw_tx), r.recorded_at)
$$;
create function content(r epoch_submission_end) returns jsonb language sql stable
set timezone = 'UTC' set bytea_output = 'hex' as $$
    select jsonb_build_array(r.epoch_number, r.attempt, r.reason, r.recorded_at)
$$;
create function content(r epoch_settlement) returns jsonb language sql stable
set timezone = 'UTC' set bytea_output = 'hex' as $$
    select jsonb_build_array(r.epoch_number, r.sequence, r.tx_hash, r.l1_block_number,
        r.l1_block_hash, r.gas_used, r.state_digest, r.recorded_at)
$$;
create function content(r epoch_reorg) returns jsonb language sql stable
set timezone = 'UTC' set bytea_output = 'hex' as $$
    select jsonb_build_array(r.epoch_number, r.sequence, r.l1_block_number, r.l1_block_hash,
        r.recorded_at)
$$;
create function content(r epoch_final) returns jsonb language sql stable
set timezone = 'UTC' set bytea_output = 'hex' as $$
    select jsonb_build_array(r.epoch_number, r.sequence, r.l1_block_number, r.l1_block_hash,
        r.recorded_at)
$$;

-- Written by the row's own trigger, as the owner: nobody else may write events, and nobody can write
-- a row without its event. The lock is taken here for the rows that have no guard of their own.
create function append_event() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    kind smallint;
    epoch bigint := 0;
    block bigint;
    nth integer;
    whose integer;
    at_height bigint;
    digest bytea;
    number bigint;
    past bytea;
    moment timestamptz;
begin
    perform lock_books();
    case tg_table_name
        when 'journal_block' then
            kind := new.posting_kind; epoch := new.epoch_number; block := new.block_number;
            digest := new.block_hash;
        when 'domain_identity' then kind := 10; epoch := 1;
        when 'epoch' then kind := 11; epoch := new.epoch_number;
        when 'seal_request' then kind := 12; epoch := new.epoch_number;
        when 'epoch_seal' then kind := 13; epoch := new.epoch_number;
        when 'epoch_step' then kind := 14; epoch := new.epoch_number; nth := new.step_number;
        when 'epoch_proof' then kind := 15; epoch := new.epoch_number;
        when 'epoch_submission' then kind := 16; epoch := new.epoch_number; nth := new.attempt;
        when 'epoch_submission_end' then kind := 17; epoch := new.epoch_number; nth := new.attempt;
        when 'epoch_settlement' then kind := 18; epoch := new.epoch_number; nth := new.sequence;
        when 'epoch_reorg' then kind := 19; epoch := new.epoch_number; nth := new.sequence;
        when 'epoch_final' then kind := 20; epoch := new.epoch_number; nth := new.sequence;
        when 'l1_settlement' then kind := 21; epoch := new.epoch_number;
        when 'equivocation' then
            kind := 22; whose := new.rollup_id; at_height := new.height;
            select epoch_number into epoch from batch
                where rollup_id = new.rollup_id and height = new.height;
    end case;
    if digest is null then
        digest := row_digest(content(new));
    end if;
    select event_number, event_hash into number, past from event
        order by event_number desc limit 1;
    number := coalesce(number, 0) + 1;
    past := coalesce(past, decode(repeat('00', 32), 'hex'));
    moment := clock_timestamp();
    insert into event (event_number, event_kind, epoch_number, block_number, ordinal, rollup_id,
        height, recorded_at, previous_hash, content_digest, event_hash)
    values (number, kind, epoch, block, nth, whose, at_height, moment, past, digest,
        sha256(convert_to('netfold.event.v1', 'UTF8') || past || int8send(number) || int2send(kind)
            || int8send(epoch) || int8send(coalesce(block, 0)) || int4send(coalesce(nth, 0))
            || int4send(coalesce(whose, 0)) || int8send(coalesce(at_height, 0))
            || timestamptz_send(moment) || digest));
    -- Only wakes readers; equal notices of one commit are one.
    perform pg_notify('netfold_event', '');
    return null;
end
$$;

create procedure make_announced(table_name text) language plpgsql as $$
begin
    execute format('create trigger append_event after insert on %I
        for each row execute function append_event()', table_name);
    execute format('alter table %I enable always trigger append_event', table_name);
end
$$;

call make_announced('journal_block');
call make_announced('domain_identity');
call make_announced('epoch');
call make_announced('seal_request');
call make_announced('epoch_seal');
call make_announced('epoch_step');
call make_announced('epoch_proof');
call make_announced('epoch_submission');
call make_announced('epoch_submission_end');
call make_announced('epoch_settlement');
call make_announced('epoch_reorg');
call make_announced('epoch_final');
call make_announced('l1_settlement');
call make_announced('equivocation');
call make_append_only('event');

reset role;
