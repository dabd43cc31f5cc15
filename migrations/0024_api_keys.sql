-- Keys of the api, and the log of what operators did. Keys are the owner's to add and to revoke; the api
-- looks them up. Each act writes its line of the log by its own trigger, so in its own db_tx: nobody can
-- act without a line, and nobody can write a line without the act.
set local role netfold_owner;

-- A key of the api, and what it may do, which never changes: another one is added instead. The key itself
-- is nowhere, only its hash.
create table api_key (
    -- Public: a part of the key, by which it is found and named.
    api_key_id text not null,
    name text not null,
    -- As OAuth writes scopes, divided by blanks.
    scopes text not null,
    -- SHA-256 of the key. It holds 256 random bits, so salt or a slow hash would protect nothing.
    key_digest hash32 not null,
    added_at timestamptz not null default clock_timestamp(),
    constraint api_key_key primary key (api_key_id),
    constraint api_key_digest_unique unique (key_digest),
    constraint api_key_id_has_16_digits check (api_key_id ~ '^[0-9a-f]{16}$'),
    constraint api_key_name_in_bound check (char_length(name) between 1 and 100),
    constraint api_key_scopes_known check (scopes ~
        '^(read|operate|prove|submit:[1-9][0-9]{0,4})( (read|operate|prove|submit:[1-9][0-9]{0,4})){0,19}$')
);

-- A key that is good for nothing any more. There is no way back.
create table api_key_revocation (
    api_key_id text not null,
    revoked_at timestamptz not null default clock_timestamp(),
    constraint api_key_revocation_key primary key (api_key_id),
    constraint api_key_revocation_of_key foreign key (api_key_id) references api_key
);

-- What an operator did, on what, and who that was; numbered in the order of the commits.
create table operator_action (
    action_number bigint not null,
    -- 1 asked for a seal, 2 added a key, 3 revoked a key.
    action_kind smallint not null,
    -- The epoch that was to be sealed.
    epoch_number bigint,
    -- The key that was added or revoked.
    subject_key_id text,
    -- The key that it was asked with. Null for whoever came to the database itself, and for an api that
    -- takes requests without keys.
    api_key_id text,
    -- The login by which it came to the database: of an operator's command or of the api.
    login text not null,
    acted_at timestamptz not null,
    constraint operator_action_key primary key (action_number),
    constraint operator_action_from_one check (action_number > 0),
    constraint operator_action_kind_known check (action_kind between 1 and 3),
    constraint operator_action_says_on_what check (
        (action_kind = 1) = (epoch_number is not null)
        and (action_kind = 1) = (subject_key_id is null)
    ),
    constraint operator_action_of_request foreign key (epoch_number) references seal_request,
    constraint operator_action_on_key foreign key (subject_key_id) references api_key,
    constraint operator_action_by_key foreign key (api_key_id) references api_key
);

-- Written as the owner, since nobody else may. The acting key is what the session says, for one db_tx; the
-- api may say so because it has checked the key, but what it knows of a key may be some moments old.
create function append_operator_action() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    kind smallint;
    epoch bigint;
    subject text;
    acting text := nullif(current_setting('netfold.api_key_id', true), '');
begin
    -- Numbers are given out in the order of the commits.
    perform lock_books();
    case tg_table_name
        when 'seal_request' then kind := 1; epoch := new.epoch_number;
        when 'api_key' then kind := 2; subject := new.api_key_id;
        when 'api_key_revocation' then kind := 3; subject := new.api_key_id;
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
        api_key_id, login, acted_at)
    values (coalesce((select max(action_number) from operator_action), 0) + 1, kind, epoch, subject,
        acting, session_user, clock_timestamp());
    return null;
end
$$;

create procedure make_operated(table_name text) language plpgsql as $$
begin
    execute format('create trigger append_operator_action after insert on %I
        for each row execute function append_operator_action()', table_name);
    execute format('alter table %I enable always trigger append_operator_action', table_name);
end
$$;

call make_operated('seal_request');
call make_operated('api_key');
call make_operated('api_key_revocation');

call make_append_only('api_key');
call make_append_only('api_key_revocation');
call make_append_only('operator_action');

-- What is to be compared with is for the api alone.
grant select on api_key to netfold_api;
grant select on api_key_revocation, operator_action to netfold_engine, netfold_api, netfold_read;

reset role;
