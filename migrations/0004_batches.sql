-- Batches, what they list, and what becomes of their exits.
set local role netfold_owner;

-- One rollup's signed transition. Heights have no gaps and each batch continues the last L2 root:
-- the foreign key to the batch before holds both, and the numbers of exits with them.
create table batch (
    rollup_id integer not null,
    height bigint not null,
    previous_height bigint generated always as (nullif(height, 0) - 1) stored,
    block_number bigint not null,
    posting_kind smallint generated always as (4) stored,
    epoch_number bigint not null,
    place_in_epoch integer not null,
    previous_root hash32 not null,
    new_root hash32 not null,
    exit_root hash32 not null,
    body_digest hash32 not null,
    batch_digest hash32 not null,
    signature bytea not null,   -- R8x, R8y, S
    transfer_count integer not null,
    exit_count integer not null,
    exits_before bigint not null,
    exits_after bigint generated always as (exits_before + exit_count) stored,
    exit_tree bytea not null,   -- the waiting node of each of the 32 levels, after this batch
    constraint batch_height_taken primary key (rollup_id, height),
    constraint batch_height_in_bound check (height >= 0),
    constraint batch_end_unique unique (rollup_id, height, new_root, exits_after),
    constraint batch_digest_unique unique (rollup_id, height, batch_digest),
    constraint batch_continues_the_last foreign key
        (rollup_id, previous_height, previous_root, exits_before)
        references batch (rollup_id, height, new_root, exits_after),
    constraint batch_first_has_no_past check (
        height > 0 or (previous_root = decode(repeat('00', 32), 'hex') and exits_before = 0)
    ),
    constraint batch_of_rollup foreign key (rollup_id) references rollup,
    constraint batch_block_unique unique (block_number),
    constraint batch_posted foreign key (block_number, posting_kind, epoch_number)
        references journal_block (block_number, posting_kind, epoch_number),
    -- A full epoch takes no more batches, so that it always fits its steps.
    constraint batch_epoch_full check (place_in_epoch between 0 and 479),
    constraint batch_place_taken unique (epoch_number, place_in_epoch),
    constraint batch_signature_has_96_bytes check (octet_length(signature) = 96),
    constraint batch_exit_tree_has_32_levels check (octet_length(exit_tree) = 1024),
    constraint batch_counts_in_bound check (
        transfer_count >= 0 and exit_count >= 0 and transfer_count + exit_count <= 1000
        and exits_before + exit_count <= 4294967295
    )
);

-- The total of a batch in one (asset, destination): what the circuit sees.
create table lane (
    rollup_id integer not null,
    height bigint not null,
    asset_id integer not null,
    destination_id integer not null, -- 0 is L1
    atoms atoms not null,
    constraint lane_key primary key (rollup_id, height, asset_id, destination_id),
    constraint lane_of_batch foreign key (rollup_id, height) references batch,
    constraint lane_atoms_in_bound check (atoms between 1 and 79228162514264337593543950335),
    constraint lane_leaves_its_rollup check (destination_id <> rollup_id)
);

-- An exit as L1 will pay it.
create table exit (
    rollup_id integer not null,
    exit_index bigint not null,
    previous_index bigint generated always as (nullif(exit_index, 0) - 1) stored,
    height bigint not null,
    block_number bigint not null,
    position integer not null,
    epoch_number bigint not null,
    asset_id integer not null,
    recipient address20 not null,
    atoms atoms not null,
    leaf hash32 not null,
    constraint exit_index_taken primary key (rollup_id, exit_index),
    constraint exit_index_in_bound check (exit_index between 0 and 4294967294),
    constraint exit_continues_the_last foreign key (rollup_id, previous_index)
        references exit (rollup_id, exit_index),
    constraint exit_of_batch foreign key (rollup_id, height) references batch,
    constraint exit_of_transfer foreign key (block_number, position) references transfer,
    constraint exit_transfer_unique unique (block_number, position),
    constraint exit_terms_unique unique (rollup_id, exit_index, asset_id, recipient, atoms)
);
create index exit_of_recipient on exit (recipient, block_number, position);
create index exit_of_epoch on exit (epoch_number, rollup_id);

-- An exit paid on L1. The key pays it once, the foreign key on its terms.
create table claim (
    rollup_id integer not null,
    exit_index bigint not null,
    asset_id integer not null,
    recipient address20 not null,
    atoms atoms not null,
    proven_epoch_number bigint not null, -- the epoch whose exit root proved it
    block_number bigint not null,
    posting_kind smallint generated always as (5) stored,
    epoch_number bigint not null,
    tx_hash hash32 not null,
    log_index bigint not null,
    constraint claim_once primary key (rollup_id, exit_index),
    constraint claim_of_exit foreign key (rollup_id, exit_index, asset_id, recipient, atoms)
        references exit (rollup_id, exit_index, asset_id, recipient, atoms),
    constraint claim_of_epoch foreign key (proven_epoch_number) references epoch,
    constraint claim_log_once unique (tx_hash, log_index),
    constraint claim_block_unique unique (block_number),
    constraint claim_posted foreign key (block_number, posting_kind, epoch_number)
        references journal_block (block_number, posting_kind, epoch_number),
    constraint claim_of_log foreign key (tx_hash, log_index, posting_kind)
        references l1_log (tx_hash, log_index, log_kind)
);

-- Two different batches that one rollup signed for one height: the recorded one and a refused one.
-- The first pair is proof enough, so there is at most one per height.
create table equivocation (
    rollup_id integer not null,
    height bigint not null,
    recorded_digest hash32 not null,
    refused_digest hash32 not null,
    refused_words bytea not null, -- the words under the refused digest, 32 bytes each
    refused_signature bytea not null,
    seen_at timestamptz not null default clock_timestamp(),
    constraint equivocation_key primary key (rollup_id, height),
    constraint equivocation_of_batch foreign key (rollup_id, height, recorded_digest)
        references batch (rollup_id, height, batch_digest),
    constraint equivocation_of_two check (recorded_digest <> refused_digest),
    constraint equivocation_words_in_bound check (octet_length(refused_words) = 14 * 32),
    constraint equivocation_signature_has_96_bytes check (octet_length(refused_signature) = 96)
);

-- Guard: a batch debits its own cells only, lists transfers before exits, and has as many of each as
-- it says.
create function batch_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    if exists (
        select from transfer where block_number = new.block_number
            and ((debit_account_id / 65536) % 65536 <> new.rollup_id
                or (position >= new.transfer_count) <> (credit_account_id / 4294967296 = 3))
    ) or new.transfer_count + new.exit_count <> (
        select transfer_count from journal_block where block_number = new.block_number
    ) then
        perform refuse('batch_moves_what_it_says',
            format('block %s does not move what batch %s of rollup %s lists',
                new.block_number, new.height, new.rollup_id));
    end if;
    return null;
end
$$;
create trigger batch_guard after insert on batch for each row execute function batch_guard();
alter table batch enable always trigger batch_guard;

-- Guard: lanes are the sums of the listed transfers and exits. All lanes of a batch come at once.
create function lane_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    if exists (
        select from (
            select b.rollup_id, b.height, t.asset_id,
                case when t.credit_account_id / 4294967296 = 3 then 0
                    else (t.credit_account_id / 65536) % 65536 end as destination_id,
                sum(t.atoms) as atoms
            from (select distinct rollup_id, height from added) one
            join batch b using (rollup_id, height)
            join transfer t using (block_number)
            group by 1, 2, 3, 4
        ) listed
        full join (
            select rollup_id, height, asset_id, destination_id, atoms::numeric as declared
            from lane where (rollup_id, height) in (select rollup_id, height from added)
        ) lane using (rollup_id, height, asset_id, destination_id)
        where declared is distinct from listed.atoms
    ) then
        perform refuse('lane_sums_what_is_listed', 'lanes differ from what the batch lists');
    end if;
    return null;
end
$$;
create trigger lane_guard after insert on lane referencing new table as added
    for each statement execute function lane_guard();
alter table lane enable always trigger lane_guard;

-- Guard: an exit says what its transfer says, under the number that follows from the batch.
create function exit_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    if exists (
        select from added e
        left join batch b on b.rollup_id = e.rollup_id and b.height = e.height
            and b.block_number = e.block_number and b.epoch_number = e.epoch_number
        left join transfer t on t.block_number = e.block_number and t.position = e.position
            and t.asset_id = e.asset_id and t.atoms = e.atoms and t.recipient = e.recipient
            and t.credit_account_id / 4294967296 = 3
        where b.height is null or t.position is null
            or e.exit_index <> b.exits_before + e.position - b.transfer_count
    ) then
        perform refuse('exit_says_what_its_transfer_says', 'exits differ from their transfers');
    end if;
    return null;
end
$$;
create trigger exit_guard after insert on exit referencing new table as added
    for each statement execute function exit_guard();
alter table exit enable always trigger exit_guard;

-- Guard: a claim's row and its one transfer say the same.
create function claim_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    if not exists (
        select from transfer where block_number = new.block_number and position = 0
            and debit_account_id = 3 * 4294967296 + new.rollup_id * 65536::bigint + new.asset_id
            and atoms = new.atoms
    ) then
        perform refuse('claim_moves_what_it_says',
            format('block %s does not move its claim', new.block_number));
    end if;
    return null;
end
$$;
create trigger claim_guard after insert on claim for each row execute function claim_guard();
alter table claim enable always trigger claim_guard;

-- Guard, at the commit: a block is complete. It has its transfers, they are in the balances, and
-- what it is the posting of is there.
create function journal_block_is_complete() returns trigger
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
                        select from lane l where l.rollup_id = b.rollup_id and l.height = b.height
                    ))
            );
        when 5 then
            complete := exists (select from claim where block_number = new.block_number);
        else
            complete := false;
    end case;
    if not complete
        or new.transfer_count <> (
            select count(*) from transfer where block_number = new.block_number
        )
        or exists (
            select from (
                select debit_account_id as account_id from transfer
                where block_number = new.block_number
                union
                select credit_account_id from transfer where block_number = new.block_number
            ) touched
            left join balance using (account_id)
            where last_block is null or last_block < new.block_number
        )
    then
        perform refuse('journal_block_is_complete',
            format('block %s is not complete', new.block_number));
    end if;
    return null;
end
$$;
create constraint trigger journal_block_is_complete after insert on journal_block
    deferrable initially deferred for each row execute function journal_block_is_complete();
alter table journal_block enable always trigger journal_block_is_complete;

call make_append_only('batch');
call make_append_only('lane');
call make_append_only('exit');
call make_append_only('claim');
call make_append_only('equivocation');

reset role;
