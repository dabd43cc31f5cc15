-- The life of an epoch as rows, each inserted once: an epoch's state is the last row that exists.
set local role netfold_owner;

-- The wish to seal, one per epoch: whoever asks again gets the first answer.
create table seal_request (
    epoch_number bigint not null,
    requested_by text not null,
    requested_at timestamptz not null default clock_timestamp(),
    constraint seal_request_key primary key (epoch_number),
    constraint seal_request_of_epoch foreign key (epoch_number) references epoch,
    constraint seal_request_name_in_bound check (char_length(requested_by) between 1 and 100)
);

-- Order and L1 cut-off are fixed. It names the journal's head by hash, so that what settles pins the
-- books; and the digest of the state that the ledger itself computed from them.
create table epoch_seal (
    epoch_number bigint not null,
    reason smallint not null, -- 1 schedule, 2 size, 3 value, 4 command
    last_block bigint not null,
    last_block_hash hash32 not null,
    l1_block_number bigint not null,
    l1_block_hash hash32 not null,
    batch_count bigint not null,
    operation_count bigint not null,
    transfer_count bigint not null,
    opening_digest hash32 not null,
    closing_digest hash32 not null,
    sealed_at timestamptz not null default clock_timestamp(),
    constraint epoch_seal_key primary key (epoch_number),
    constraint epoch_seal_reason_known check (reason between 1 and 4),
    constraint epoch_seal_of_epoch foreign key (epoch_number, opening_digest)
        references epoch (epoch_number, opening_digest),
    constraint epoch_seal_pins_the_journal foreign key (last_block, last_block_hash)
        references journal_block (block_number, block_hash),
    constraint epoch_seal_cuts_l1_off foreign key (l1_block_number, l1_block_hash)
        references l1_range (last_block_number, last_block_hash),
    constraint epoch_seal_not_empty check (operation_count >= 1 and batch_count >= 0),
    constraint epoch_seal_closing_unique unique (epoch_number, closing_digest)
);

-- ROOT_CONTINUITY and BASELINE_PRESENT: an epoch after the first opens with what the one before
-- closed with, or does not open.
alter table epoch add constraint epoch_opens_as_the_last_closed
    foreign key (previous_epoch_number, opening_digest)
    references epoch_seal (epoch_number, closing_digest);

-- The closing position of every cell and rollup that an epoch leaves behind, touched or not: the
-- next epoch's baseline.
create table epoch_cell (
    epoch_number bigint not null,
    rollup_id integer not null,
    asset_id integer not null,
    balance atoms not null,
    deposited atoms not null,
    exited atoms not null,
    touched boolean not null,
    constraint epoch_cell_key primary key (epoch_number, rollup_id, asset_id),
    constraint epoch_cell_of_seal foreign key (epoch_number) references epoch_seal
);

create table epoch_rollup (
    epoch_number bigint not null,
    rollup_id integer not null,
    next_height bigint not null,
    l2_root hash32 not null,
    exit_root hash32 not null,
    active boolean not null,
    constraint epoch_rollup_key primary key (epoch_number, rollup_id),
    constraint epoch_rollup_of_seal foreign key (epoch_number) references epoch_seal,
    constraint epoch_rollup_height_in_bound check (next_height >= 0)
);

-- What each step shows, in order.
create table epoch_step (
    epoch_number bigint not null,
    step_number integer not null,
    previous_step_number integer generated always as (nullif(step_number - 1, 0)) stored,
    output bytea not null, -- 39 words
    recorded_at timestamptz not null default clock_timestamp(),
    constraint epoch_step_key primary key (epoch_number, step_number),
    constraint epoch_step_in_bound check (step_number between 1 and 128),
    constraint epoch_step_of_seal foreign key (epoch_number) references epoch_seal,
    constraint epoch_step_continues foreign key (epoch_number, previous_step_number)
        references epoch_step (epoch_number, step_number),
    constraint epoch_step_has_39_words check (octet_length(output) = 39 * 32)
);

-- Working data, not history: where folding resumes. It goes when a later one or the proof is there.
create table epoch_checkpoint (
    epoch_number bigint not null,
    step_number integer not null,
    checkpoint bytea not null,
    constraint epoch_checkpoint_key primary key (epoch_number, step_number),
    constraint epoch_checkpoint_of_step foreign key (epoch_number, step_number)
        references epoch_step,
    constraint epoch_checkpoint_in_bound check (octet_length(checkpoint) <= 268435456)
);

-- The proof must lead to the digest that the ledger computed at sealing.
create table epoch_proof (
    epoch_number bigint not null,
    closing_digest hash32 not null,
    step_count integer not null,
    proof_digest hash32 not null,
    proof bytea not null,
    proven_at timestamptz not null default clock_timestamp(),
    constraint epoch_proof_key primary key (epoch_number),
    constraint epoch_proof_closes_as_sealed foreign key (epoch_number, closing_digest)
        references epoch_seal (epoch_number, closing_digest),
    constraint epoch_proof_of_steps foreign key (epoch_number, step_count)
        references epoch_step (epoch_number, step_number),
    constraint epoch_proof_digest_is_its_own check (proof_digest = sha256(proof)),
    constraint epoch_proof_in_bound check (octet_length(proof) between 1 and 16777216)
);

-- The intent, written before anything is sent. SINGLE_JOB: an attempt can only follow one that was
-- superseded, so at most one is live.
create table epoch_submission (
    epoch_number bigint not null,
    attempt integer not null,
    previous_attempt integer generated always as (nullif(attempt - 1, 0)) stored,
    sender address20 not null,
    nonce bigint not null,
    tx_hash hash32 not null,
    raw_tx bytea not null,
    recorded_at timestamptz not null default clock_timestamp(),
    constraint epoch_submission_key primary key (epoch_number, attempt),
    constraint epoch_submission_from_one check (attempt >= 1),
    constraint epoch_submission_of_proof foreign key (epoch_number) references epoch_proof,
    constraint epoch_submission_tx_unique unique (tx_hash),
    constraint epoch_submission_nonce_in_bound check (nonce >= 0),
    constraint epoch_submission_tx_in_bound check (octet_length(raw_tx) between 1 and 1048576)
);

create table epoch_submission_end (
    epoch_number bigint not null,
    attempt integer not null,
    reason smallint not null, -- 1 fee raised, 2 reverted, 3 nonce spent, 4 settled otherwise
    recorded_at timestamptz not null default clock_timestamp(),
    constraint epoch_submission_end_key primary key (epoch_number, attempt),
    constraint epoch_submission_end_of_submission foreign key (epoch_number, attempt)
        references epoch_submission (epoch_number, attempt),
    constraint epoch_submission_end_reason_known check (reason between 1 and 4)
);
alter table epoch_submission add constraint epoch_submission_single_job
    foreign key (epoch_number, previous_attempt)
    references epoch_submission_end (epoch_number, attempt);

-- L1 took the proof. Another one can only follow a reorg of this one.
create table epoch_settlement (
    epoch_number bigint not null,
    sequence integer not null,
    previous_sequence integer generated always as (nullif(sequence - 1, 0)) stored,
    tx_hash hash32 not null,
    l1_block_number bigint not null,
    l1_block_hash hash32 not null,
    gas_used bigint not null,
    state_digest hash32 not null,
    recorded_at timestamptz not null default clock_timestamp(),
    constraint epoch_settlement_key primary key (epoch_number, sequence),
    constraint epoch_settlement_from_one check (sequence >= 1),
    constraint epoch_settlement_as_sealed foreign key (epoch_number, state_digest)
        references epoch_seal (epoch_number, closing_digest),
    constraint epoch_settlement_numbers_in_bound check (l1_block_number >= 0 and gas_used >= 0)
);

create table epoch_reorg (
    epoch_number bigint not null,
    sequence integer not null,
    l1_block_number bigint not null, -- the block by which the reorg was seen
    l1_block_hash hash32 not null,
    recorded_at timestamptz not null default clock_timestamp(),
    constraint epoch_reorg_key primary key (epoch_number, sequence),
    constraint epoch_reorg_of_settlement foreign key (epoch_number, sequence)
        references epoch_settlement (epoch_number, sequence)
);
alter table epoch_settlement add constraint epoch_settlement_stands_alone
    foreign key (epoch_number, previous_sequence) references epoch_reorg (epoch_number, sequence);

create table epoch_final (
    epoch_number bigint not null,
    sequence integer not null,
    l1_block_number bigint not null, -- the block by which it was deep enough
    l1_block_hash hash32 not null,
    recorded_at timestamptz not null default clock_timestamp(),
    constraint epoch_final_key primary key (epoch_number),
    constraint epoch_final_of_settlement foreign key (epoch_number, sequence)
        references epoch_settlement (epoch_number, sequence)
);

-- The settlement of each epoch that no reorg has undone.
create view standing_settlement as
    select s.* from epoch_settlement s
    where not exists (
        select from epoch_reorg r
        where r.epoch_number = s.epoch_number and r.sequence = s.sequence
    );

-- Guard: epochs settle, and are undone, in order; what is final stays.
create function epoch_order_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    perform lock_books();
    case tg_table_name
        when 'epoch_settlement' then
            if new.epoch_number > 1 and not exists (
                select from standing_settlement where epoch_number = new.epoch_number - 1
            ) then
                perform refuse('epoch_settles_in_order',
                    format('epoch %s has not settled', new.epoch_number - 1));
            end if;
        when 'epoch_reorg' then
            if exists (select from epoch_final where epoch_number = new.epoch_number) then
                perform refuse('epoch_final_stays', format('epoch %s is final', new.epoch_number));
            end if;
            if exists (
                select from standing_settlement where epoch_number = new.epoch_number + 1
            ) then
                perform refuse('epoch_settles_in_order',
                    format('epoch %s still stands', new.epoch_number + 1));
            end if;
        when 'epoch_final' then
            if not exists (
                select from standing_settlement
                where epoch_number = new.epoch_number and sequence = new.sequence
            ) then
                perform refuse('epoch_final_stands',
                    format('settlement %s of epoch %s does not stand',
                        new.sequence, new.epoch_number));
            end if;
    end case;
    return new;
end
$$;
create trigger epoch_order_guard before insert on epoch_settlement
    for each row execute function epoch_order_guard();
create trigger epoch_order_guard before insert on epoch_reorg
    for each row execute function epoch_order_guard();
create trigger epoch_order_guard before insert on epoch_final
    for each row execute function epoch_order_guard();
alter table epoch_settlement enable always trigger epoch_order_guard;
alter table epoch_reorg enable always trigger epoch_order_guard;
alter table epoch_final enable always trigger epoch_order_guard;

-- Guard: an epoch is sealed at the journal's head, under the lock, so that no block of it can follow.
create function epoch_seal_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    perform lock_books();
    if new.epoch_number is distinct from (select max(epoch_number) from epoch)
        or new.last_block is distinct from (select max(block_number) from journal_block)
    then
        perform refuse('epoch_seal_at_the_head',
            format('epoch %s is not open, or block %s is not the last',
                new.epoch_number, new.last_block));
    end if;
    return new;
end
$$;
create trigger epoch_seal_guard before insert on epoch_seal
    for each row execute function epoch_seal_guard();
alter table epoch_seal enable always trigger epoch_seal_guard;

-- Guard: a checkpoint is only let go when folding no longer resumes from it.
create function epoch_checkpoint_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    if not exists (select from epoch_proof where epoch_number = old.epoch_number)
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
create trigger epoch_checkpoint_guard before delete on epoch_checkpoint
    for each row execute function epoch_checkpoint_guard();
create trigger append_only before update or truncate on epoch_checkpoint
    for each statement execute function append_only();
alter table epoch_checkpoint enable always trigger epoch_checkpoint_guard;
alter table epoch_checkpoint enable always trigger append_only;

call make_append_only('seal_request');
call make_append_only('epoch_seal');
call make_append_only('epoch_cell');
call make_append_only('epoch_rollup');
call make_append_only('epoch_step');
call make_append_only('epoch_proof');
call make_append_only('epoch_submission');
call make_append_only('epoch_submission_end');
call make_append_only('epoch_settlement');
call make_append_only('epoch_reorg');
call make_append_only('epoch_final');

reset role;
