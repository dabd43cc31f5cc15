-- Proof of books: what every account had been debited and credited when an epoch was sealed, and one
-- digest of all of it, which goes to L1 with the settlement. Epochs sealed before have none. And what reads of the past and of
-- flows find their rows by.
set local role netfold_owner;

-- The trial balance at sealing, account by account: those that had a transfer by then.
create table epoch_balance (
    epoch_number bigint not null,
    account_id bigint not null,
    debits turnover not null,
    credits turnover not null,
    transfer_count bigint not null, -- so far
    last_block bigint not null,     -- of the last of them
    constraint epoch_balance_key primary key (epoch_number, account_id),
    constraint epoch_balance_of_account foreign key (account_id) references account
);

create table epoch_books (
    epoch_number bigint not null,
    account_count integer not null,
    books_digest hash32 not null,
    constraint epoch_books_key primary key (epoch_number),
    constraint epoch_books_of_seal foreign key (epoch_number) references epoch_seal
);

-- Neither comes without the other, and no seal without both. Not valid: what was sealed before is not
-- made up.
alter table epoch_balance add constraint epoch_balance_of_books
    foreign key (epoch_number) references epoch_books deferrable initially deferred;
alter table epoch_seal add constraint epoch_seal_pins_the_books
    foreign key (epoch_number) references epoch_books deferrable initially deferred not valid;

-- 16 bytes, big-endian; a turnover is below 2^127.
create function turnover_send(n turnover) returns bytea language sql immutable as $$
    select int8send(div(n, 18446744073709551616)::bigint) || int8send((
        case when low >= 9223372036854775808 then low - 18446744073709551616 else low end
    )::bigint)
    from (select mod(n, 18446744073709551616) as low) part
$$;

-- What the digest of an epoch's books is over: fields of fixed width, the accounts by their numbers.
create function books_encoding(epoch bigint) returns bytea
language sql stable set search_path = public, pg_temp as $$
    select convert_to('netfold.books.v1', 'UTF8') || int8send(s.epoch_number)
        || int8send(s.last_block) || s.last_block_hash || int4send(count(b.account_id)::integer)
        || coalesce(string_agg(
            int8send(b.account_id) || turnover_send(b.debits) || turnover_send(b.credits)
                || int8send(b.transfer_count) || int8send(b.last_block),
            ''::bytea order by b.account_id
        ), '')
    from epoch_seal s left join epoch_balance b using (epoch_number)
    where s.epoch_number = epoch
    group by s.epoch_number
$$;

-- Guard: the books are what `balance` holds while the epoch is sealed: at the journal's head, under the
-- lock. Of a sealed epoch nobody can write them later.
create function epoch_books_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
declare
    accounts integer;
begin
    perform lock_books();
    if (select last_block from epoch_seal where epoch_number = new.epoch_number)
            is distinct from (select max(block_number) from journal_block)
        or exists (
            select from (select * from epoch_balance where epoch_number = new.epoch_number) b
            full join (select * from balance where version > 0) now using (account_id)
            where (b.debits, b.credits, b.transfer_count, b.last_block)
                is distinct from (now.debits, now.credits, now.version, now.last_block)
        )
    then
        perform refuse('epoch_books_as_they_stand',
            format('the books of epoch %s are not the ledger''s', new.epoch_number));
    end if;
    select count(*) into accounts from epoch_balance where epoch_number = new.epoch_number;
    if new.account_count <> accounts
        or new.books_digest <> sha256(books_encoding(new.epoch_number))
    then
        perform refuse('epoch_books_digest_is_its_own',
            format('epoch %s has another digest of its books', new.epoch_number));
    end if;
    return new;
end
$$;
create trigger epoch_books_guard before insert on epoch_books
    for each row execute function epoch_books_guard();
alter table epoch_books enable always trigger epoch_books_guard;

-- Guard: no account is added to books that are closed.
create function epoch_balance_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    if exists (select from added join epoch_books using (epoch_number)) then
        perform refuse('epoch_balance_before_its_books', 'the books of this epoch are closed');
    end if;
    return null;
end
$$;
create trigger epoch_balance_guard after insert on epoch_balance referencing new table as added
    for each statement execute function epoch_balance_guard();
alter table epoch_balance enable always trigger epoch_balance_guard;

-- What a settlement on L1 said of the books. It is the word of whoever settled: our own must be what
-- was sealed, or nothing if the epoch was sealed without; a stranger may say anything.
create table l1_settlement_books (
    epoch_number bigint not null,
    books_digest hash32 not null,
    constraint l1_settlement_books_key primary key (epoch_number),
    constraint l1_settlement_books_of_settlement foreign key (epoch_number) references l1_settlement
);
alter table l1_settlement add constraint l1_settlement_says_its_books
    foreign key (epoch_number) references l1_settlement_books
    deferrable initially deferred not valid;

create function l1_settlement_books_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    if exists (
        select from l1_settlement l join epoch_submission using (tx_hash)
        where l.epoch_number = new.epoch_number
    ) and new.books_digest <> coalesce(
        (select books_digest from epoch_books where epoch_number = new.epoch_number),
        decode(repeat('00', 32), 'hex')::hash32
    ) then
        perform refuse('l1_settlement_books_of_our_own',
            format('we settled epoch %s with other books', new.epoch_number));
    end if;
    return new;
end
$$;
create trigger l1_settlement_books_guard before insert on l1_settlement_books
    for each row execute function l1_settlement_books_guard();
alter table l1_settlement_books enable always trigger l1_settlement_books_guard;

create function content(r epoch_books) returns jsonb language sql stable
set timezone = 'UTC' set bytea_output = 'hex' as $$
    select jsonb_build_array(r.epoch_number, r.account_count, r.books_digest)
$$;

-- One more kind of event, in the function as it is by now.
do $$
declare
    now text := pg_get_functiondef('append_event'::regproc);
    line text := 'when ''epoch_settlement_proof'' then kind := 23; epoch := new.epoch_number;';
begin
    if strpos(now, line) = 0 then
        raise exception 'append_event does not announce settlement proofs';
    end if;
    execute replace(now, line, line || '
        when ''epoch_books'' then kind := 24; epoch := new.epoch_number;');
end
$$;

-- Reads of the past and of flows. A lane says how many transfers or exits it sums up, too, so that what
-- moved between rollups is told without looking at each; what is there is counted now.
create function lane_transfers(
    rollup integer, at_height bigint, nth integer, asset integer, destination integer
) returns integer language sql stable set search_path = public, pg_temp as $$
    select count(*)::integer from batch b join transfer t using (block_number)
    where b.rollup_id = rollup and b.height = at_height and b.attempt = nth and t.asset_id = asset
        and case when t.credit_account_id / 4294967296 = 3 then 0
            else (t.credit_account_id / 65536) % 65536 end = destination
$$;
alter table lane add column transfer_count integer;
alter table lane
    alter column transfer_count type integer
        using lane_transfers(rollup_id, height, attempt, asset_id, destination_id),
    alter column transfer_count set not null,
    add constraint lane_transfers_in_bound check (transfer_count between 1 and 1000);
drop function lane_transfers(integer, bigint, integer, integer, integer);

-- As before, with the count, in the function as it is by now.
do $$
declare
    now text := pg_get_functiondef('lane_guard'::regproc);
    line text;
    instead text;
begin
    for line, instead in values
        ('sum(t.atoms) as atoms', 'sum(t.atoms) as atoms, count(*) as transfers'),
        ('atoms::numeric as declared', 'atoms::numeric as declared, transfer_count'),
        ('declared is distinct from listed.atoms',
            '(declared, transfer_count::bigint) is distinct from (listed.atoms, listed.transfers)')
    loop
        if strpos(now, line) = 0 then
            raise exception 'lane_guard has no line %', line;
        end if;
        now := replace(now, line, instead);
    end loop;
    execute now;
end
$$;

create index journal_block_in_time on journal_block (posted_at, block_number);
create index epoch_in_time on epoch (opened_at, epoch_number);

call make_announced('epoch_books');
call make_append_only('epoch_balance');
call make_append_only('epoch_books');
call make_append_only('l1_settlement_books');

grant execute on function turnover_send(turnover), books_encoding(bigint), content(epoch_books)
    to netfold_engine, netfold_api, netfold_read;
grant select on epoch_balance, epoch_books, l1_settlement_books
    to netfold_engine, netfold_api, netfold_read;
grant insert on epoch_balance, epoch_books, l1_settlement_books to netfold_engine;

reset role;
