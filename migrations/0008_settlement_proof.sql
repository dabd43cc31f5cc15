-- An epoch has two proofs: the one that L1 checks, made at once, and the aggregated one, which
-- anybody checks without the ledger and which may come later. What is submitted needs the first
-- alone: an epoch that had only the aggregated one, and was not submitted yet, is folded again.
set local role netfold_owner;

-- The settlement proof must lead to the digest that the ledger computed at sealing, too.
create table epoch_settlement_proof (
    epoch_number bigint not null,
    closing_digest hash32 not null,
    step_count integer not null,
    proof_digest hash32 not null,
    proof bytea not null,
    proven_at timestamptz not null default clock_timestamp(),
    constraint epoch_settlement_proof_key primary key (epoch_number),
    constraint epoch_settlement_proof_closes_as_sealed foreign key (epoch_number, closing_digest)
        references epoch_seal (epoch_number, closing_digest),
    constraint epoch_settlement_proof_of_steps foreign key (epoch_number, step_count)
        references epoch_step (epoch_number, step_number),
    constraint epoch_settlement_proof_digest_is_its_own check (proof_digest = sha256(proof)),
    constraint epoch_settlement_proof_in_bound check (octet_length(proof) between 1 and 1048576)
);

-- Not valid: submissions from before this table have none, and what is history is not made up.
-- Every new one is checked all the same.
alter table epoch_submission add constraint epoch_submission_of_settlement_proof
    foreign key (epoch_number) references epoch_settlement_proof not valid;
alter table epoch_submission drop constraint epoch_submission_of_proof;

-- Guard: both proofs resume from the checkpoints, so these stay until both are there.
create or replace function epoch_checkpoint_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    if not (
            exists (select from epoch_proof where epoch_number = old.epoch_number)
            and exists (
                select from epoch_settlement_proof where epoch_number = old.epoch_number
            )
        )
        and not exists (
            select from epoch_checkpoint
            where epoch_number = old.epoch_number and step_number > old.step_number
        )
    then
        perform refuse('epoch_checkpoint_in_use',
            format('folding of epoch %s resumes from step %s', old.epoch_number, old.step_number));
    end if;
    return old;
end
$$;

create function content(r epoch_settlement_proof) returns jsonb language sql stable
set timezone = 'UTC' set bytea_output = 'hex' as $$
    select jsonb_build_array(r.epoch_number, r.closing_digest, r.step_count, sha256(r.proof),
        r.proof_digest, r.proven_at)
$$;

-- As before, with one more kind.
create or replace function append_event() returns trigger
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
        when 'epoch_settlement_proof' then kind := 23; epoch := new.epoch_number;
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

call make_announced('epoch_settlement_proof');
call make_append_only('epoch_settlement_proof');

grant execute on function content(epoch_settlement_proof)
    to netfold_engine, netfold_api, netfold_read;
grant select on epoch_settlement_proof to netfold_engine, netfold_api, netfold_read;
grant insert on epoch_settlement_proof to netfold_engine;

reset role;
