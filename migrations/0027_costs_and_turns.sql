-- What settling costs and who works at it: the price that L1 took with a settlement, the turns of engines and
-- provers, and how long each piece of folding and proving took. And the role of a prover in a process of its own.
-- None of it says what the books are: an audit has nothing to compute it from.
--
-- netfold_prover  folds and proves what is sealed, and knows no key of L1
do $$
declare
    done boolean;
    i_am_superuser boolean := (select rolsuper from pg_roles where rolname = current_user);
begin
    if not exists (select from pg_roles where rolname = 'netfold_prover') then
        begin
            create role netfold_prover nologin;
        exception when duplicate_object or unique_violation then
            null; -- Another database's migration has just made it.
        end;
    end if;
    done := i_am_superuser;
    for attempt in 1..20 loop
        exit when done;
        begin
            grant netfold_prover to current_user;
            done := true;
        exception when internal_error or unique_violation or object_in_use then
            perform pg_sleep(0.02); -- Another migration is changing the same membership.
        end;
    end loop;
    if not done then
        raise exception 'cannot become a member of role netfold_prover';
    end if;
end
$$;
grant usage on schema public to netfold_prover;

set local role netfold_owner;

-- What L1 took for a settlement, as its receipt says. Settlements from before this table have none.
create table epoch_settlement_fee (
    epoch_number bigint not null,
    sequence integer not null,
    -- Who paid: our account, or whoever settled instead.
    payer address20 not null,
    -- What a unit of gas cost, in wei; the fee is this times `epoch_settlement.gas_used`.
    gas_price bigint not null,
    constraint epoch_settlement_fee_key primary key (epoch_number, sequence),
    constraint epoch_settlement_fee_of_settlement foreign key (epoch_number, sequence)
        references epoch_settlement (epoch_number, sequence),
    constraint epoch_settlement_fee_price_in_bound check (gas_price >= 0)
);

-- A time for which a process had the engine's lock or the prover's. It lasts as long as the backend holds
-- the lock; nothing says here when it ended.
create table turn (
    turn_number bigint not null,
    previous_turn bigint generated always as (nullif(turn_number - 1, 0)) stored,
    turn_kind smallint not null, -- the number of the lock: 1 engine, 3 prover
    -- Of the process: its host and its number there.
    name text not null,
    -- The process id of the backend that holds the lock.
    backend integer not null,
    began_at timestamptz not null default clock_timestamp(),
    constraint turn_key primary key (turn_number),
    constraint turn_from_one check (turn_number >= 1),
    -- Or whoever takes the highest number lets nobody have a turn any more.
    constraint turn_continues foreign key (previous_turn) references turn,
    constraint turn_kind_known check (turn_kind in (1, 3)),
    constraint turn_name_in_bound check (char_length(name) between 1 and 100)
);
create index turn_of_kind on turn (turn_kind, turn_number);

-- A prover's turn is a prover's: nobody takes it for the engine's, whose turn says who settles.
create function turn_guard() returns trigger
language plpgsql set search_path = public, pg_temp set jit = off as $$
begin
    if new.turn_kind <> 3 and not pg_has_role(current_user, 'netfold_engine', 'usage') then
        perform refuse('turn_of_an_engine', format('%s is no engine', current_user));
    end if;
    return new;
end
$$;
create trigger turn_guard before insert on turn for each row execute function turn_guard();
alter table turn enable always trigger turn_guard;

-- How long a piece of an epoch's folding and proving took, and in which turn it was done. Work that was
-- done and not recorded any more, because its process was killed, is missing here.
create table epoch_work (
    epoch_number bigint not null,
    work_kind smallint not null, -- 1 a step, 2 the settlement proof, 3 the aggregated proof
    -- The step; 0 for a proof.
    step_number integer not null,
    folded_step integer generated always as (nullif(step_number, 0)) stored,
    turn_number bigint not null,
    took_ms bigint not null,
    recorded_at timestamptz not null default clock_timestamp(),
    constraint epoch_work_key primary key (epoch_number, work_kind, step_number),
    constraint epoch_work_of_epoch foreign key (epoch_number) references epoch,
    constraint epoch_work_of_step foreign key (epoch_number, folded_step)
        references epoch_step (epoch_number, step_number),
    constraint epoch_work_of_turn foreign key (turn_number) references turn,
    constraint epoch_work_kind_known check (work_kind between 1 and 3),
    constraint epoch_work_step_in_bound check ((work_kind = 1) = (step_number > 0) and step_number >= 0),
    -- A week. A prover says how long it took, and sums of what it says must not overflow.
    constraint epoch_work_took_in_bound check (took_ms between 0 and 604800000)
);
create index epoch_work_recorded on epoch_work (recorded_at);

call make_append_only('epoch_settlement_fee');
call make_append_only('turn');
call make_append_only('epoch_work');

-- What an epoch whose settlement stands took: of L1, and of whoever proved it, if all of that was timed. A deposit
-- is one transfer and one operation, as a batch is one operation and a registration one: so what the seal counted
-- is what the batches list, transfers and exits, and the deposits.
create view epoch_cost as
select t.epoch_number, t.recorded_at, t.tx_hash, t.gas_used, f.payer, f.gas_price, s.batch_count,
    s.transfer_count - s.operation_count + s.batch_count
        + (select count(*) from rollup r where r.epoch_number = s.epoch_number) as listed,
    work.took_ms
from standing_settlement t
join epoch_seal s using (epoch_number)
left join epoch_settlement_fee f using (epoch_number, sequence)
left join epoch_settlement_proof p using (epoch_number)
left join lateral (
    select sum(took_ms)::bigint as took_ms from epoch_work w
    where w.epoch_number = t.epoch_number
    having count(*) filter (where work_kind < 3) = p.step_count + 1
) work on true;

grant select on epoch_settlement_fee, turn, epoch_work, epoch_cost
    to netfold_engine, netfold_api, netfold_read;
grant insert on epoch_settlement_fee, turn, epoch_work to netfold_engine;

-- The prover reads what everybody reads, and writes its own turns. What comes after this file is granted to it
-- by name, as to the others.
do $$
declare
    shown regclass;
begin
    for shown in
        select oid from pg_class
        where relkind in ('r', 'p', 'v') and relnamespace = 'public'::regnamespace
            and has_table_privilege('netfold_read', oid, 'select')
    loop
        execute format('grant select on %s to netfold_prover', shown);
    end loop;
end
$$;
grant insert on turn to netfold_prover;
grant execute on function lock_books(), refuse(text, text) to netfold_prover;

reset role;
