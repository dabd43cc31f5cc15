-- The books: amounts, accounts, balances and the journal, with the rules that SQL can hold.
set local role netfold_owner;

-- Functions are for nobody until granted, here and in every later migration.
alter default privileges revoke execute on functions from public;

-- An amount. Plain numeric, because numeric(29, 0) accepts NaN and silently rounds 1.5 to 2. NaN is
-- greater than any number, so the upper bound refuses it.
create domain atoms as numeric
    constraint atoms_in_bound check (
        value >= 0 and value <= 79228162514264337593543950335 and scale(value) = 0
    );

-- The sum of all debits, or all credits, of one account since the beginning.
create domain turnover as numeric
    constraint turnover_in_bound check (
        value >= 0 and value < 170141183460469231731687303715884105728 and scale(value) = 0
    );

create domain hash32 as bytea constraint hash32_has_32_bytes check (octet_length(value) = 32);
create domain address20 as bytea constraint address20_has_20_bytes check (octet_length(value) = 20);

-- The one lock of a domain's books. Whoever writes history takes it first and holds it until the
-- commit, so that history is committed in the order of its numbers: without it, two writers could
-- continue the same last block, and a reader could see number n + 1 before n. The guards below take
-- it themselves, so that no writer can leave it out.
create function lock_books() returns void
language sql as $$
    select pg_advisory_xact_lock(1852142694, 0)
$$;

create function append_only() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    raise exception '% is append-only', tg_table_name
        using errcode = 'restrict_violation', constraint = 'append_only', table = tg_table_name;
end
$$;

create procedure make_append_only(table_name text) language plpgsql as $$
begin
    execute format(
        'create trigger append_only before update or delete or truncate on %I
             for each statement execute function append_only()', table_name);
    execute format('alter table %I enable always trigger append_only', table_name);
end
$$;

create function refuse(constraint_name text, message text) returns void
language plpgsql as $$
begin
    raise exception '%', message using errcode = 'check_violation', constraint = constraint_name;
end
$$;

-- What binds the books to one contract on one L1. There is one row.
create table domain_identity (
    only_one boolean not null default true,
    chain_id bigint not null,
    settlement address20 not null,
    domain_id bigint not null,
    verification_key_id hash32 not null,
    genesis_digest hash32 not null,
    deployed_at_block bigint not null,
    adopted_at timestamptz not null default clock_timestamp(),
    constraint domain_identity_key primary key (only_one),
    constraint domain_identity_only_one check (only_one),
    constraint domain_identity_chain_id_positive check (chain_id > 0),
    constraint domain_identity_domain_id_in_bound check (domain_id between 0 and 4294967295),
    constraint domain_identity_block_in_bound check (deployed_at_block >= 0)
);

-- Epochs are a chain of rows: an epoch opens with the digest that the one before closed with.
create table epoch (
    epoch_number bigint not null,
    previous_epoch_number bigint generated always as (nullif(epoch_number - 1, 0)) stored,
    opening_digest hash32 not null,
    opened_at timestamptz not null default clock_timestamp(),
    constraint epoch_key primary key (epoch_number),
    constraint epoch_from_one check (epoch_number >= 1),
    constraint epoch_opening_unique unique (epoch_number, opening_digest)
);

-- The journal. Every posting is one block; a block continues the block before it by number and by
-- hash, which the foreign key checks, so the chain has neither gap nor fork.
create table journal_block (
    block_number bigint not null,
    previous_number bigint generated always as (nullif(block_number - 1, 0)) stored,
    epoch_number bigint not null,
    posting_kind smallint not null, -- 1 asset, 2 rollup, 3 deposit, 4 batch, 5 claim
    transfer_count integer not null,
    previous_hash hash32 not null,
    content_digest hash32 not null,
    block_hash hash32 not null,
    posted_at timestamptz not null,
    constraint journal_block_key primary key (block_number),
    constraint journal_block_from_one check (block_number >= 1),
    constraint journal_block_hash_unique unique (block_number, block_hash),
    constraint journal_block_kind_unique unique (block_number, posting_kind, epoch_number),
    constraint journal_block_continues_the_chain foreign key (previous_number, previous_hash)
        references journal_block (block_number, block_hash),
    constraint journal_block_first_has_no_past check (
        block_number > 1 or previous_hash = decode(repeat('00', 32), 'hex')
    ),
    constraint journal_block_of_epoch foreign key (epoch_number) references epoch,
    constraint journal_block_kind_known check (posting_kind between 1 and 5),
    constraint journal_block_transfers_in_bound check (
        case posting_kind
            when 4 then transfer_count between 0 and 1000
            when 3 then transfer_count = 1
            when 5 then transfer_count = 1
            else transfer_count = 0
        end
    )
);
create index journal_block_of_epoch_in_order on journal_block (epoch_number, block_number);

-- An account's number spells what it is: kind * 2^32 + rollup * 2^16 + asset. Kinds: 1 custody (what
-- the contract holds), 2 cell, 3 pot (what L1 owes to a rollup's exits). Rollup 0 is L1 itself.
create table account (
    account_id bigint not null,
    account_kind smallint not null,
    rollup_id integer not null,
    asset_id integer not null,
    constraint account_key primary key (account_id),
    constraint account_number_spells_its_parts check (
        account_id = account_kind * 4294967296 + rollup_id * 65536::bigint + asset_id
    ),
    constraint account_kind_known check (account_kind between 1 and 3),
    constraint account_rollup_in_bound check (
        rollup_id between 0 and 65535 and (rollup_id = 0) = (account_kind = 1)
    ),
    constraint account_asset_in_bound check (asset_id between 1 and 65535)
);

-- The only table whose rows change: the sums of the journal per account. Custody is debit-normal, as
-- assets are; cells and pots are credit-normal, as what is owed is.
create table balance (
    account_id bigint not null,
    debits turnover not null default 0,
    credits turnover not null default 0,
    version bigint not null default 0, -- number of transfers so far
    last_block bigint not null default 0,
    constraint balance_key primary key (account_id),
    constraint balance_of_account foreign key (account_id) references account,
    constraint balance_not_overdrawn check (
        case when account_id / 4294967296 = 1 then debits >= credits else credits >= debits end
    ),
    constraint balance_in_bound check (
        abs(credits - debits) <= 79228162514264337593543950335
    )
) with (fillfactor = 50);

-- One debit and one credit of one asset: the trial balance is zero by shape, no trigger checks it.
create table transfer (
    block_number bigint not null,
    position integer not null,
    epoch_number bigint not null,
    posting_kind smallint not null,
    asset_id integer not null,
    debit_account_id bigint not null,
    credit_account_id bigint not null,
    atoms atoms not null,
    debit_balance atoms not null,  -- what the debited account holds after it
    credit_balance atoms not null, -- what the credited account holds after it
    recipient address20,           -- of what a batch lists
    transfer_digest hash32 not null,
    constraint transfer_key primary key (block_number, position),
    constraint transfer_position_in_bound check (position between 0 and 999),
    constraint transfer_atoms_in_bound check (atoms between 1 and 79228162514264337593543950335),
    constraint transfer_moves check (debit_account_id <> credit_account_id),
    constraint transfer_of_one_asset check (
        debit_account_id % 65536 = asset_id and credit_account_id % 65536 = asset_id
    ),
    -- A deposit goes from custody to a cell, a batch from cells to cells or to the pot of the same
    -- rollup, a claim from a pot to custody.
    constraint transfer_fits_its_posting check (
        case posting_kind
            when 3 then debit_account_id / 4294967296 = 1 and credit_account_id / 4294967296 = 2
            when 4 then debit_account_id / 4294967296 = 2
                and (credit_account_id / 4294967296 = 2
                    or credit_account_id = debit_account_id + 4294967296)
            when 5 then debit_account_id / 4294967296 = 3 and credit_account_id / 4294967296 = 1
            else false
        end
    ),
    constraint transfer_recipient_of_batches check ((recipient is not null) = (posting_kind = 4))
);
create index transfer_of_debited on transfer (debit_account_id, block_number, position);
create index transfer_of_credited on transfer (credit_account_id, block_number, position);
create index transfer_of_epoch on transfer (epoch_number, block_number, position);

-- Guard: a block is written into the open epoch, under the lock, by whom it may be written.
create function journal_block_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    perform lock_books();
    if new.epoch_number is distinct from (select max(epoch_number) from epoch) then
        perform refuse('journal_block_in_open_epoch',
            format('block %s is not of the open epoch', new.block_number));
    end if;
    if current_user = 'netfold_api' and new.posting_kind <> 4 then
        perform refuse('journal_block_of_its_role', 'the api posts batches only');
    end if;
    return new;
end
$$;
create trigger journal_block_guard before insert on journal_block
    for each row execute function journal_block_guard();
alter table journal_block enable always trigger journal_block_guard;

-- Guard: all transfers of the last block come in one statement, as many as the block says. A later
-- one would be one too many, so a committed block can never get another.
create function transfer_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
declare
    block journal_block;
begin
    if not exists (select from added) then
        return null;
    end if;
    select * into block from journal_block order by block_number desc limit 1;
    if exists (
        select from added
        where (block_number, epoch_number, posting_kind)
            is distinct from (block.block_number, block.epoch_number, block.posting_kind)
    ) or block.transfer_count <> (
        select count(*) from transfer where block_number = block.block_number
    ) or block.transfer_count <> 1 + (
        select max(position) from transfer where block_number = block.block_number
    ) then
        perform refuse('transfer_of_the_last_block',
            format('these are not the %s transfers of block %s',
                block.transfer_count, block.block_number));
    end if;
    return null;
end
$$;
create trigger transfer_guard after insert on transfer referencing new table as added
    for each statement execute function transfer_guard();
alter table transfer enable always trigger transfer_guard;

-- Guard: balances move together, by exactly the transfers of the last block, account by account, and
-- end where the last of these transfers says. Once per block, not once per row.
create function balance_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
declare
    block bigint;
begin
    if not exists (select from changed) then
        return null;
    end if;
    select max(block_number) into block from journal_block;
    if exists (
        select from (
            select n.account_id, n.debits - o.debits as debits, n.credits - o.credits as credits,
                n.version - o.version as transfers, o.last_block as applied, n.last_block,
                abs(n.credits - n.debits) as closing
            from changed n join old_balance o using (account_id)
        ) moved
        full join (
            select account_id, sum(debits) as debits, sum(credits) as credits,
                count(*) as transfers, (array_agg(closing order by position desc))[1] as closing
            from (
                select debit_account_id as account_id, atoms::numeric as debits, 0 as credits,
                    debit_balance::numeric as closing, position
                from transfer where block_number = block
                union all
                select credit_account_id, 0, atoms::numeric, credit_balance::numeric, position
                from transfer where block_number = block
            ) side
            group by account_id
        ) booked using (account_id)
        where moved.debits is distinct from booked.debits
            or moved.credits is distinct from booked.credits
            or moved.transfers is distinct from booked.transfers
            or moved.closing is distinct from booked.closing
            or moved.applied >= block
            or moved.last_block <> block
    ) then
        perform refuse('balance_follows_the_journal',
            format('balances do not move by the transfers of block %s', block));
    end if;
    return null;
end
$$;
create trigger balance_guard after update on balance
    referencing old table as old_balance new table as changed
    for each statement execute function balance_guard();
alter table balance enable always trigger balance_guard;

-- Guard: an account begins with nothing.
create function balance_opening_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    if (new.debits, new.credits, new.version, new.last_block) <> (0, 0, 0, 0) then
        perform refuse('balance_opens_with_nothing', 'an account begins with nothing');
    end if;
    return new;
end
$$;
create trigger balance_opening_guard before insert on balance
    for each row execute function balance_opening_guard();
alter table balance enable always trigger balance_opening_guard;

create trigger append_only before delete or truncate on balance
    for each statement execute function append_only();
alter table balance enable always trigger append_only;

call make_append_only('domain_identity');
call make_append_only('epoch');
call make_append_only('journal_block');
call make_append_only('account');
call make_append_only('transfer');

reset role;
