-- A batch that was evicted says nothing against its rollup: the height was free then, so another
-- one may be signed for it in good faith, and whoever has read the evicted one may post it again,
-- before that one or after it. A pair is evidence only if neither was ever evicted at the height.
set local role netfold_owner;

create or replace function equivocation_guard() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
    if not exists (
        select from batch where rollup_id = new.rollup_id and height = new.height
            and batch_digest = new.recorded_digest and not is_evicted(block_number)
    ) then
        perform refuse('equivocation_of_batch',
            format('no such batch %s of rollup %s stands', new.height, new.rollup_id));
    end if;
    if exists (
        select from batch where rollup_id = new.rollup_id and height = new.height
            and batch_digest in (new.recorded_digest, new.refused_digest)
            and is_evicted(block_number)
    ) then
        perform refuse('equivocation_of_no_evicted',
            format('batch %s of rollup %s was evicted', new.height, new.rollup_id));
    end if;
    return new;
end
$$;

reset role;
