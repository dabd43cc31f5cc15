-- Two-phase transfers. What waits for finality is held: it reserves an amount between two accounts and
-- moves nothing. A hold ends once: posted by the one transfer that it was held for, which names it, or
-- released. Holds and releases are blocks of the journal without transfers, so no operation, plan or
-- digest of an epoch knows of them. What is held stands beside the sums in `balance`, and may not be
-- spent.
set local role netfold_owner;

alter table journal_block
    drop constraint journal_block_kind_known,
    add constraint journal_block_kind_known check (posting_kind between 1 and 8); -- 7 hold, 8 release

-- A hold is named by its block.
create table hold (
    block_number bigint not null,
    posting_kind smallint generated always as (7) stored,
    epoch_number bigint not null,
    asset_id integer not null,
    debit_account_id bigint not null,
    credit_account_id bigint not null,
    atoms atoms not null,
    cause text not null, -- what it waits for
    constraint hold_key primary key (block_number),
    constraint hold_posted foreign key (block_number, posting_kind, epoch_number)
        references journal_block (block_number, posting_kind, epoch_number),
    constraint hold_of_debited foreign key (debit_account_id) references account,
    constraint hold_of_credited foreign key (credit_account_id) references account,
    constraint hold_atoms_in_bound check (atoms between 1 and 79228162514264337593543950335),
    constraint hold_moves check (debit_account_id <> credit_account_id),
    constraint hold_of_one_asset check (
        debit_account_id % 65536 = asset_id and credit_account_id % 65536 = asset_id
    ),
    constraint hold_cause_in_bound check (char_length(cause) between 1 and 1000)
);
create index hold_of_rollup_in_order on hold (((credit_account_id / 65536) % 65536), block_number);

-- The end of a hold: by a deposit, whose content digest covers the hold, or by a release.
create table hold_end (
    hold_block bigint not null,
    block_number bigint not null,
    posting_kind smallint not null,
    epoch_number bigint not null,
    reason smallint, -- of a release: 1 L1 shows it no more, 2 L1 shows it in another block
    constraint hold_end_once primary key (hold_block),
    constraint hold_end_of_hold foreign key (hold_block) references hold,
    constraint hold_end_block_unique unique (block_number),
    constraint hold_end_kind_unique unique (hold_block, posting_kind),
    constraint hold_end_posted foreign key (block_number, posting_kind, epoch_number)
        references journal_block (block_number, posting_kind, epoch_number),
    constraint hold_end_after_its_hold check (block_number > hold_block),
    constraint hold_end_kind_known check (posting_kind in (3, 8)),
    constraint hold_end_reason_of_releases check ((reason is not null) = (posting_kind = 8)),
    constraint hold_end_reason_known check (reason in (1, 2))
);

-- The deposit that a hold is for: a log in a block of L1 that is not final enough to be booked. After a
-- reorg the same log may come again, which is another hold; the holds of a log are a chain, in which each
-- was released before the next, so that one is open at most.
create table seen_deposit (
    block_number bigint not null, -- the hold's
    depositor address20 not null,
    tx_hash hash32 not null,
    log_index bigint not null,
    l1_block_number bigint not null,
    l1_block_hash hash32 not null,
    previous_hold bigint, -- of the same log
    previous_end smallint generated always as (
        case when previous_hold is not null then 8 end
    ) stored,
    constraint seen_deposit_key primary key (block_number),
    constraint seen_deposit_of_hold foreign key (block_number) references hold,
    constraint seen_deposit_log_unique unique (block_number, tx_hash, log_index),
    constraint seen_deposit_continues_once
        unique nulls not distinct (tx_hash, log_index, previous_hold),
    constraint seen_deposit_continues_its_log foreign key (previous_hold, tx_hash, log_index)
        references seen_deposit (block_number, tx_hash, log_index),
    constraint seen_deposit_follows_a_release foreign key (previous_hold, previous_end)
        references hold_end (hold_block, posting_kind),
    constraint seen_deposit_goes_forward check (previous_hold < block_number),
    constraint seen_deposit_index_in_bound check (log_index >= 0),
    constraint seen_deposit_block_in_bound check (l1_block_number >= 0)
);
create index seen_deposit_of_l1_block on seen_deposit (l1_block_number);

-- The sums of open holds. Cells and pots are spent by debits, custody by credits: what is held on that
-- side is not there to be spent.
alter table balance
    add column held_debits turnover not null default 0,
    add column held_credits turnover not null default 0,
    add column last_held_block bigint not null default 0, -- the last hold or end that moved them
    drop constraint balance_not_overdrawn,
    add constraint balance_not_overdrawn check (
        case when account_id / 4294967296 = 1
            then debits - held_credits >= credits
            else credits - held_debits >= debits
        end
    );

create or replace function balance_opening_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    if (new.debits, new.credits, new.version, new.last_block) <> (0, 0, 0, 0)
        or (new.held_debits, new.held_credits, new.last_held_block) <> (0, 0, 0)
    then
        perform refuse('balance_opens_with_nothing', 'an account begins with nothing');
    end if;
    return new;
end
$$;

-- Guard: a hold, its deposit or an end is of a block that what is held has not moved past yet, and an
-- end comes before the transfer that it is for. So no committed block can get one.
create function hold_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    if exists (
        select from added where block_number <= (select max(last_held_block) from balance)
    ) then
        perform refuse('hold_of_the_last_block', 'what is held has moved past that block');
    end if;
    if tg_table_name = 'hold_end' and exists (
        select from added where block_number <= (select max(last_block) from balance)
    ) then
        perform refuse('hold_end_before_its_transfer', 'balances have moved past that block');
    end if;
    return null;
end
$$;
create trigger hold_guard after insert on hold referencing new table as added
    for each statement execute function hold_guard();
create trigger hold_guard after insert on hold_end referencing new table as added
    for each statement execute function hold_guard();
create trigger hold_guard after insert on seen_deposit referencing new table as added
    for each statement execute function hold_guard();
alter table hold enable always trigger hold_guard;
alter table hold_end enable always trigger hold_guard;
alter table seen_deposit enable always trigger hold_guard;

-- Guard: what is held moves by exactly the holds and ends of the blocks that it has not moved by yet,
-- account by account. What would be there once everything held has come is within the bound of
-- amounts, asked where more is held and not of every row: custody's bound is kept by L1, at whose tip
-- a claim may have made the room that a deposit takes.
create function balance_held_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
declare
    applied bigint;
begin
    if not exists (
        select from changed n join old_balance o using (account_id)
        where (n.held_debits, n.held_credits, n.last_held_block)
            is distinct from (o.held_debits, o.held_credits, o.last_held_block)
    ) then
        return null;
    end if;
    select max(last_held_block) into applied from (
        select last_held_block from old_balance
        union all
        select last_held_block from balance
        where account_id not in (select account_id from changed)
    ) one;
    if exists (
        with turn as (
            select block_number, debit_account_id, credit_account_id, atoms::numeric as atoms
            from hold where block_number > applied
            union all
            select e.block_number, debit_account_id, credit_account_id, -atoms::numeric
            from hold_end e join hold h on h.block_number = e.hold_block
            where e.block_number > applied
        ), booked as (
            select account_id, sum(debits) as debits, sum(credits) as credits,
                max(block_number) as last
            from turn cross join lateral (
                values (debit_account_id, atoms, 0), (credit_account_id, 0, atoms)
            ) side (account_id, debits, credits)
            group by 1
        ), moved as (
            select n.account_id, n.held_debits - o.held_debits as debits,
                n.held_credits - o.held_credits as credits, n.last_held_block as last
            from changed n join old_balance o using (account_id)
            where (n.held_debits, n.held_credits, n.last_held_block)
                is distinct from (o.held_debits, o.held_credits, o.last_held_block)
        )
        select from booked full join moved using (account_id)
        where (booked.debits, booked.credits, booked.last)
            is distinct from (moved.debits, moved.credits, moved.last)
    ) then
        perform refuse('balance_held_follows_the_journal',
            format('what is held does not move by the holds and ends after block %s', applied));
    end if;
    if exists (
        select from changed n join old_balance o using (account_id)
        where case when account_id / 4294967296 = 1
            then n.held_debits > o.held_debits
                and n.debits - n.credits + n.held_debits > 79228162514264337593543950335
            else n.held_credits > o.held_credits
                and n.credits - n.debits + n.held_credits > 79228162514264337593543950335
        end
    ) then
        perform refuse('balance_held_in_bound', 'more is held than the account could take');
    end if;
    return null;
end
$$;
create trigger balance_held_guard after update on balance
    referencing old table as old_balance new table as changed
    for each statement execute function balance_held_guard();
alter table balance enable always trigger balance_held_guard;

-- Guard, at the commit: what is held has moved by a hold and by an end; a deposit is seen before it is
-- booked, and comes from custody; and whoever books one ends its hold, by exactly what was held.
create function journal_block_moves_what_is_held() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    if exists (
        select from seen_deposit join hold h using (block_number)
        where block_number = new.block_number and (
            h.debit_account_id / 4294967296 <> 1 or h.credit_account_id / 4294967296 <> 2
        )
    ) then
        perform refuse('seen_deposit_comes_from_custody',
            format('hold %s is not of a deposit', new.block_number));
    end if;
    if exists (
        select from seen_deposit join l1_log using (tx_hash, log_index)
        where block_number = new.block_number
    ) then
        perform refuse('seen_deposit_is_not_booked',
            format('the deposit of hold %s is booked already', new.block_number));
    end if;
    if exists (
        select from deposit d join seen_deposit s using (tx_hash, log_index)
        where d.block_number = new.block_number
            and not exists (select from hold_end where hold_block = s.block_number)
    ) then
        perform refuse('deposit_ends_its_hold',
            format('the hold of the deposit of block %s is open', new.block_number));
    end if;
    if exists (
        select from hold_end e
        join hold h on h.block_number = e.hold_block
        where e.block_number = new.block_number and e.posting_kind <> 8 and not exists (
            select from seen_deposit s
            join deposit d using (tx_hash, log_index, depositor)
            join l1_log using (tx_hash, log_index, l1_block_number, l1_block_hash)
            join transfer t on t.block_number = d.block_number and t.position = 0
                and t.epoch_number = new.epoch_number
            where s.block_number = e.hold_block and d.block_number = e.block_number
                and (t.debit_account_id, t.credit_account_id, t.atoms)
                    = (h.debit_account_id, h.credit_account_id, h.atoms)
        )
    ) then
        perform refuse('hold_end_posts_what_is_held',
            format('block %s does not post what it says was held', new.block_number));
    end if;
    if (new.posting_kind <> 3 or exists (
            select from hold_end where block_number = new.block_number
        )) and (select max(last_held_block) from balance) < new.block_number
    then
        perform refuse('journal_block_moves_what_is_held',
            format('what is held has not moved by block %s', new.block_number));
    end if;
    return null;
end
$$;
create constraint trigger journal_block_moves_what_is_held after insert on journal_block
    deferrable initially deferred for each row
    when (new.posting_kind in (3, 7, 8)) execute function journal_block_moves_what_is_held();
alter table journal_block enable always trigger journal_block_moves_what_is_held;

-- Two lines of guards, in the functions as they are by now: a block of the new kinds is complete with
-- its row, and a balance of which only what is held changes is not one that has to move by transfers.
do $$
declare
    guard text;
    now text;
    line text;
    instead text;
begin
    for guard, line, instead in values
        ('journal_block_is_complete',
        'complete := exists (select from batch_eviction where block_number = new.block_number);',
        'complete := exists (select from batch_eviction where block_number = new.block_number);
        when 7 then
            complete := exists (select from hold where block_number = new.block_number);
        when 8 then
            complete := exists (select from hold_end where block_number = new.block_number);'),
        ('balance_guard',
        'from changed n join old_balance o using (account_id)',
        'from changed n join old_balance o using (account_id)
            where (n.debits, n.credits, n.version, n.last_block)
                    is distinct from (o.debits, o.credits, o.version, o.last_block)
                or (n.held_debits, n.held_credits, n.last_held_block)
                    is not distinct from (o.held_debits, o.held_credits, o.last_held_block)')
    loop
        now := pg_get_functiondef(guard::regproc);
        if strpos(now, line) = 0 then
            raise exception '% has no line %', guard, line;
        end if;
        execute replace(now, line, instead);
    end loop;
end
$$;

-- As the other guards: what runs once per block or looks at few rows keeps its plans.
do $$
declare
    guard text;
begin
    foreach guard in array
        array['hold_guard', 'balance_held_guard', 'journal_block_moves_what_is_held']
    loop
        execute format('alter function %I() set plan_cache_mode = force_generic_plan', guard);
        execute format('alter function %I() set enable_seqscan = off', guard);
    end loop;
    -- It reads transfers: a kept plan would hold, and lock, every partition.
    alter function journal_block_moves_what_is_held() set plan_cache_mode = force_custom_plan;
end
$$;

call make_append_only('hold');
call make_append_only('hold_end');
call make_append_only('seen_deposit');

grant select on hold, hold_end, seen_deposit to netfold_engine, netfold_api, netfold_read;
grant insert on hold, hold_end, seen_deposit to netfold_engine;
grant update (held_debits, held_credits, last_held_block) on balance to netfold_engine;

reset role;
