-- What happened on L1, each log once, and what it made: assets, rollups, deposits.
set local role netfold_owner;

-- The log that made a row. Its key is what makes every effect of L1 happen once.
create table l1_log (
    tx_hash hash32 not null,
    log_index bigint not null,
    log_kind smallint not null, -- 1 asset, 2 rollup, 3 deposit, 5 claim, as postings; 6 settlement
    l1_block_number bigint not null,
    l1_block_hash hash32 not null,
    constraint l1_log_once primary key (tx_hash, log_index),
    constraint l1_log_kind_unique unique (tx_hash, log_index, log_kind),
    constraint l1_log_index_in_bound check (log_index >= 0),
    constraint l1_log_block_in_bound check (l1_block_number >= 0),
    constraint l1_log_kind_known check (log_kind in (1, 2, 3, 5, 6))
);

-- Ranges of L1 blocks whose logs are booked, each starting where the one before ended. The last one
-- is the watcher's cursor.
create table l1_range (
    last_block_number bigint not null,
    last_block_hash hash32 not null,
    previous_block_number bigint, -- where the range before ended; null for the first
    log_count integer not null,
    recorded_at timestamptz not null default clock_timestamp(),
    constraint l1_range_key primary key (last_block_number),
    constraint l1_range_hash_unique unique (last_block_number, last_block_hash),
    constraint l1_range_continues_once unique nulls not distinct (previous_block_number),
    constraint l1_range_continues foreign key (previous_block_number) references l1_range,
    constraint l1_range_goes_forward check (last_block_number > previous_block_number),
    constraint l1_range_log_count_in_bound check (log_count >= 0)
);

create table asset (
    asset_id integer not null,
    token address20 not null,
    token_decimals smallint not null,
    ledger_decimals smallint not null,
    block_number bigint not null,
    posting_kind smallint generated always as (1) stored,
    epoch_number bigint not null,
    tx_hash hash32 not null,
    log_index bigint not null,
    constraint asset_key primary key (asset_id),
    constraint asset_id_in_bound check (asset_id between 1 and 65535),
    constraint asset_decimals_in_bound check (
        token_decimals between 0 and 255 and ledger_decimals between 0 and 28
        and ledger_decimals <= token_decimals
    ),
    constraint asset_block_unique unique (block_number),
    constraint asset_log_once unique (tx_hash, log_index),
    constraint asset_posted foreign key (block_number, posting_kind, epoch_number)
        references journal_block (block_number, posting_kind, epoch_number),
    constraint asset_of_log foreign key (tx_hash, log_index, posting_kind)
        references l1_log (tx_hash, log_index, log_kind)
);

create table rollup (
    rollup_id integer not null,
    key_x hash32 not null,
    key_y hash32 not null,
    block_number bigint not null,
    posting_kind smallint generated always as (2) stored,
    epoch_number bigint not null,
    tx_hash hash32 not null,
    log_index bigint not null,
    constraint rollup_registered_once primary key (rollup_id),
    constraint rollup_id_in_bound check (rollup_id between 1 and 65535),
    constraint rollup_block_unique unique (block_number),
    constraint rollup_log_once unique (tx_hash, log_index),
    constraint rollup_posted foreign key (block_number, posting_kind, epoch_number)
        references journal_block (block_number, posting_kind, epoch_number),
    constraint rollup_of_log foreign key (tx_hash, log_index, posting_kind)
        references l1_log (tx_hash, log_index, log_kind)
);

create table deposit (
    block_number bigint not null,
    posting_kind smallint generated always as (3) stored,
    epoch_number bigint not null,
    rollup_id integer not null,
    asset_id integer not null,
    depositor address20 not null,
    atoms atoms not null,
    tx_hash hash32 not null,
    log_index bigint not null,
    constraint deposit_key primary key (block_number),
    constraint deposit_once unique (tx_hash, log_index),
    constraint deposit_atoms_in_bound check (atoms between 1 and 79228162514264337593543950335),
    constraint deposit_of_rollup foreign key (rollup_id) references rollup,
    constraint deposit_of_asset foreign key (asset_id) references asset,
    constraint deposit_posted foreign key (block_number, posting_kind, epoch_number)
        references journal_block (block_number, posting_kind, epoch_number),
    constraint deposit_of_log foreign key (tx_hash, log_index, posting_kind)
        references l1_log (tx_hash, log_index, log_kind)
);
create index deposit_of_cell on deposit (epoch_number, rollup_id, asset_id);
create index deposit_of_rollup_in_order on deposit (rollup_id, block_number);

-- What L1 says it settled, when its block is final enough to be booked.
create table l1_settlement (
    epoch_number bigint not null,
    state_digest hash32 not null,
    step_count bigint not null,
    tx_hash hash32 not null,
    log_index bigint not null,
    log_kind smallint generated always as (6) stored,
    constraint l1_settlement_key primary key (epoch_number),
    constraint l1_settlement_once unique (tx_hash, log_index),
    constraint l1_settlement_of_epoch foreign key (epoch_number) references epoch,
    constraint l1_settlement_steps_in_bound check (step_count >= 1),
    constraint l1_settlement_of_log foreign key (tx_hash, log_index, log_kind)
        references l1_log (tx_hash, log_index, log_kind)
);

-- Accounts come with what they are for, so nobody needs the right to make any.
create function open_account(kind integer, rollup integer, asset integer) returns void
language sql as $$
    insert into account (account_id, account_kind, rollup_id, asset_id)
    values (kind * 4294967296 + rollup * 65536::bigint + asset, kind, rollup, asset);
    insert into balance (account_id)
    values (kind * 4294967296 + rollup * 65536::bigint + asset);
$$;

create function open_accounts() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
    if tg_table_name = 'asset' then
        perform open_account(1, 0, new.asset_id);
        perform open_account(kind, rollup_id, new.asset_id)
            from rollup, generate_series(2, 3) kind;
    else
        perform open_account(kind, new.rollup_id, asset_id)
            from asset, generate_series(2, 3) kind;
    end if;
    return null;
end
$$;
create trigger open_accounts after insert on asset for each row execute function open_accounts();
create trigger open_accounts after insert on rollup for each row execute function open_accounts();
alter table asset enable always trigger open_accounts;
alter table rollup enable always trigger open_accounts;

-- Guard: a deposit's row and its one transfer say the same.
create function deposit_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    if not exists (
        select from transfer where block_number = new.block_number and position = 0
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
create trigger deposit_guard after insert on deposit
    for each row execute function deposit_guard();
alter table deposit enable always trigger deposit_guard;

call make_append_only('l1_log');
call make_append_only('l1_range');
call make_append_only('asset');
call make_append_only('rollup');
call make_append_only('deposit');
call make_append_only('l1_settlement');

reset role;
