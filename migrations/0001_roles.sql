-- Who may do what. Roles belong to the whole cluster, and several databases of one cluster may be
-- migrated at the same moment: every statement here bears being done twice and being raced.
--
-- netfold_owner   owns tables and functions; only migrations act as it
-- netfold_engine  books what happened on L1 and moves epochs along
-- netfold_api     posts batches and asks for sealing
-- netfold_read    reads
--
-- None of them can log in: a login is made a member and takes the role when it connects.
do $$
declare
    name text;
    done boolean;
    i_am_superuser boolean := (select rolsuper from pg_roles where rolname = current_user);
begin
    foreach name in array array['netfold_owner', 'netfold_engine', 'netfold_api', 'netfold_read'] loop
        if not exists (select from pg_roles where rolname = name) then
            begin
                execute format('create role %I nologin', name);
            exception when duplicate_object or unique_violation then
                null; -- Another database's migration has just made it.
            end;
        end if;
        done := i_am_superuser;
        for attempt in 1..20 loop
            exit when done;
            begin
                execute format('grant %I to current_user', name);
                done := true;
            exception when internal_error or unique_violation or object_in_use then
                perform pg_sleep(0.02); -- Another migration is changing the same membership.
            end;
        end loop;
        if not done then
            raise exception 'cannot become a member of role %', name;
        end if;
    end loop;
end
$$;

-- The schema is the owner's ground: nobody else can put a table in the way of a name.
revoke create on schema public from public;
grant usage, create on schema public to netfold_owner;
grant usage on schema public to netfold_engine, netfold_api, netfold_read;
