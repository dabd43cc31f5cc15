-- What a prover in a process of its own hands in. Nothing rests on an offer: an engine compares it with its own
-- plan, or verifies it, and writes the row that counts itself. So a prover that lies is found out, its offers go,
-- and whoever proves next begins where the true rows end.
set local role netfold_owner;

-- Working data, not history: it goes when the epoch has both proofs, or when it is refused.
create table offer (
    epoch_number bigint not null,
    work_kind smallint not null, -- 1 a step, 2 the settlement proof, 3 the aggregated proof
    -- The step; 0 for a proof.
    step_number integer not null,
    -- What the step shows, 91 words; or the proof.
    content bytea not null,
    -- The fold after a step. Only the prover resumes from it.
    checkpoint bytea,
    turn_number bigint not null,
    took_ms bigint not null,
    offered_at timestamptz not null default clock_timestamp(),
    constraint offer_key primary key (epoch_number, work_kind, step_number),
    constraint offer_of_epoch foreign key (epoch_number) references epoch,
    constraint offer_of_turn foreign key (turn_number) references turn,
    constraint offer_kind_known check (work_kind between 1 and 3),
    constraint offer_step_in_bound check (
        (work_kind = 1) = (step_number > 0) and step_number between 0 and 128
    ),
    constraint offer_content_in_bound check (
        case work_kind
            when 1 then octet_length(content) = 91 * 32
            when 2 then octet_length(content) between 1 and 1048576
            else octet_length(content) between 1 and 16777216
        end
    ),
    constraint offer_checkpoint_in_bound check (
        (work_kind = 1) = (checkpoint is not null) and octet_length(checkpoint) <= 268435456
    ),
    constraint offer_took_in_bound check (took_ms between 0 and 604800000)
);

-- An offer is taken as it is, or not at all.
create trigger append_only before update or truncate on offer
    for each statement execute function append_only();
alter table offer enable always trigger append_only;

grant select, insert, delete on offer to netfold_prover;
grant select, delete on offer to netfold_engine;

reset role;
