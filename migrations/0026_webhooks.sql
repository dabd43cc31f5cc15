-- Webhooks: who is told of events, each attempt to tell them, and so up to where they have been told. All of it
-- is the api's own: an address can be a secret by itself. The secrets that deliveries are signed with are nowhere.
set local role netfold_owner;

-- Somebody who is told of events. What they are told of never changes: another one is added instead.
create table webhook (
    -- Random, so that no two databases sign with the same secret.
    webhook_id text not null,
    -- Where deliveries are posted to.
    url text not null,
    -- The kinds of event that they want; null for all.
    event_kinds smallint[],
    -- Only what happened after this event is told; 0 for all.
    after_event bigint not null,
    starts_after bigint generated always as (nullif(after_event, 0)) stored,
    -- SHA-256 of the secret, which follows from the sender's own and from the id: a sender that has another one
    -- by now is seen before it signs.
    secret_digest hash32 not null,
    added_at timestamptz not null default clock_timestamp(),
    constraint webhook_key primary key (webhook_id),
    constraint webhook_id_has_16_digits check (webhook_id ~ '^[0-9a-f]{16}$'),
    constraint webhook_url_in_bound check (octet_length(url) between 8 and 2048),
    constraint webhook_kinds_in_bound check (
        event_kinds is null or (
            cardinality(event_kinds) between 1 and 100
            and array_position(event_kinds, null) is null
            and 0 < all (event_kinds)
        )
    ),
    constraint webhook_starts_at_an_event foreign key (starts_after) references event
);

-- A webhook that was added with an idempotency key.
alter table keyed_write add column webhook_id text;
alter table keyed_write add constraint keyed_write_of_webhook foreign key (webhook_id) references webhook;
alter table keyed_write drop constraint keyed_write_says_what;
alter table keyed_write add constraint keyed_write_says_what check (
    num_nonnulls(block_number, epoch_number, webhook_id) = 1 and (block_number is not null or not replayed)
);

-- A webhook that is told nothing any more. There is no way back.
create table webhook_revocation (
    webhook_id text not null,
    revoked_at timestamptz not null default clock_timestamp(),
    constraint webhook_revocation_key primary key (webhook_id),
    constraint webhook_revocation_of_webhook foreign key (webhook_id) references webhook
);

-- An attempt to tell of one event, and what came of it. The next event is told when this one is.
create table webhook_attempt (
    webhook_id text not null,
    attempt_number bigint not null,
    previous_attempt bigint generated always as (nullif(attempt_number - 1, 0)) stored,
    event_number bigint not null,
    -- 1 delivered, 2 answered otherwise, 3 nobody there, 4 not the one who should be there by their certificate,
    -- 5 no answer in time, 6 an address that the sender may not reach.
    outcome smallint not null,
    http_status smallint,
    attempted_at timestamptz not null default clock_timestamp(),
    constraint webhook_attempt_key primary key (webhook_id, attempt_number),
    constraint webhook_attempt_from_one check (attempt_number >= 1),
    constraint webhook_attempt_of_webhook foreign key (webhook_id) references webhook,
    constraint webhook_attempt_continues foreign key (webhook_id, previous_attempt)
        references webhook_attempt (webhook_id, attempt_number),
    constraint webhook_attempt_of_event foreign key (event_number) references event,
    constraint webhook_attempt_outcome_known check (outcome between 1 and 6),
    constraint webhook_attempt_says_its_status check (
        case outcome
            when 1 then coalesce(http_status between 200 and 299, false)
            when 2 then coalesce(
                http_status between 100 and 999 and http_status not between 200 and 299, false)
            else http_status is null
        end
    )
);
create index webhook_attempt_delivered on webhook_attempt (webhook_id, event_number)
    where outcome = 1;

-- Up to this event there is nothing more that the webhook wants: written now and then, so that nobody looks
-- through a long stretch twice.
create table webhook_pass (
    webhook_id text not null,
    through_event bigint not null,
    passed_at timestamptz not null default clock_timestamp(),
    constraint webhook_pass_key primary key (webhook_id, through_event),
    constraint webhook_pass_of_webhook foreign key (webhook_id) references webhook,
    constraint webhook_pass_of_event foreign key (through_event) references event
);

-- An operator had a webhook tried again: what failed up to this attempt is not counted any more.
create table webhook_resumption (
    webhook_id text not null,
    after_attempt bigint not null,
    resumed_at timestamptz not null default clock_timestamp(),
    constraint webhook_resumption_key primary key (webhook_id, after_attempt),
    constraint webhook_resumption_of_attempt foreign key (webhook_id, after_attempt)
        references webhook_attempt (webhook_id, attempt_number)
);

-- The event up to which a webhook has been told everything that it wants.
create function webhook_position(id text) returns bigint language sql stable
set search_path = public, pg_temp as $$
    select greatest(
        (select after_event from webhook where webhook_id = id),
        (select max(event_number) from webhook_attempt where webhook_id = id and outcome = 1),
        (select max(through_event) from webhook_pass where webhook_id = id)
    )
$$;

-- Nothing is left out, told twice or told out of order, whoever sends: an attempt is at the first event that is
-- wanted after the position.
create function check_webhook_attempt() returns trigger
language plpgsql security definer set search_path = public, pg_temp set jit = off as $$
begin
    if (
        select min(e.event_number) from event e, webhook w
        where w.webhook_id = new.webhook_id
            and e.event_number > webhook_position(new.webhook_id)
            and e.event_number <= new.event_number
            and (w.event_kinds is null or e.event_kind = any (w.event_kinds))
    ) is distinct from new.event_number then
        perform refuse('webhook_attempt_at_the_next',
            format('event %s is not the next for webhook %s', new.event_number, new.webhook_id));
    end if;
    return new;
end
$$;
create trigger check_webhook_attempt before insert on webhook_attempt
    for each row execute function check_webhook_attempt();
alter table webhook_attempt enable always trigger check_webhook_attempt;

create function check_webhook_pass() returns trigger
language plpgsql security definer set search_path = public, pg_temp set jit = off as $$
declare
    reached bigint := webhook_position(new.webhook_id);
begin
    if new.through_event <= reached or exists (
        select from event e, webhook w
        where w.webhook_id = new.webhook_id
            and e.event_number > reached and e.event_number <= new.through_event
            and (w.event_kinds is null or e.event_kind = any (w.event_kinds))
    ) then
        perform refuse('webhook_pass_leaves_nothing_out',
            format('webhook %s wants what is up to event %s', new.webhook_id, new.through_event));
    end if;
    return new;
end
$$;
create trigger check_webhook_pass before insert on webhook_pass
    for each row execute function check_webhook_pass();
alter table webhook_pass enable always trigger check_webhook_pass;

-- What operators do to webhooks stands in their log, too.
alter table operator_action add column subject_webhook_id text;
-- The webhook that was added, revoked or tried again.
comment on column operator_action.subject_webhook_id is
    'The webhook that was added, revoked or tried again.';
comment on column operator_action.action_kind is
    '1 asked for a seal, 2 added a key, 3 revoked a key, 4 added a webhook, 5 revoked one, 6 had one tried again.';
alter table operator_action drop constraint operator_action_kind_known;
alter table operator_action add constraint operator_action_kind_known
    check (action_kind between 1 and 6);
alter table operator_action drop constraint operator_action_says_on_what;
alter table operator_action add constraint operator_action_says_on_what check (
    (action_kind = 1) = (epoch_number is not null)
    and (action_kind in (2, 3)) = (subject_key_id is not null)
    and (action_kind in (4, 5, 6)) = (subject_webhook_id is not null)
);
alter table operator_action add constraint operator_action_on_webhook
    foreign key (subject_webhook_id) references webhook;

-- As before, and of webhooks.
create or replace function append_operator_action() returns trigger
language plpgsql security definer set search_path = public, pg_temp set jit = off as $$
declare
    kind smallint;
    epoch bigint;
    subject text;
    hook text;
    acting text := nullif(current_setting('netfold.api_key_id', true), '');
begin
    -- Numbers are given out in the order of the commits.
    perform lock_books();
    case tg_table_name
        when 'seal_request' then kind := 1; epoch := new.epoch_number;
        when 'api_key' then kind := 2; subject := new.api_key_id;
        when 'api_key_revocation' then kind := 3; subject := new.api_key_id;
        when 'webhook' then kind := 4; hook := new.webhook_id;
        when 'webhook_revocation' then kind := 5; hook := new.webhook_id;
        when 'webhook_resumption' then kind := 6; hook := new.webhook_id;
    end case;
    if acting is not null and not exists (
        select from api_key k where k.api_key_id = acting
            and 'operate' = any (string_to_array(k.scopes, ' '))
            and not exists (select from api_key_revocation r where r.api_key_id = k.api_key_id)
    ) then
        perform refuse('operator_action_of_an_operator',
            format('key %s is no key of an operator, or is revoked', acting));
    end if;
    insert into operator_action (action_number, action_kind, epoch_number, subject_key_id,
        subject_webhook_id, api_key_id, login, acted_at)
    values (coalesce((select max(action_number) from operator_action), 0) + 1, kind, epoch, subject,
        hook, acting, session_user, clock_timestamp());
    return null;
end
$$;

call make_operated('webhook');
call make_operated('webhook_revocation');
call make_operated('webhook_resumption');

call make_append_only('webhook');
call make_append_only('webhook_revocation');
call make_append_only('webhook_attempt');
call make_append_only('webhook_pass');
call make_append_only('webhook_resumption');

grant select, insert on webhook, webhook_revocation, webhook_attempt, webhook_pass,
    webhook_resumption to netfold_api;
grant execute on function webhook_position(text) to netfold_api;

reset role;
