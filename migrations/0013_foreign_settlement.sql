-- The settlement on L1, if there is one, that these books do not lead to: somebody else settled an
-- epoch with another state. There is at most one row, and the books end with the epoch before it.

set local role netfold_owner;

create table foreign_settlement (
    only_one boolean not null default true,
    epoch_number bigint not null,
    tx_hash hash32 not null,
    l1_block_number bigint not null,
    l1_block_hash hash32 not null,
    settled_digest hash32 not null,
    -- Null while the epoch was open.
    sealed_digest hash32,
    recorded_at timestamptz not null default clock_timestamp(),
    constraint foreign_settlement_key primary key (only_one),
    constraint foreign_settlement_only_one check (only_one),
    constraint foreign_settlement_of_epoch foreign key (epoch_number) references epoch,
    constraint foreign_settlement_block_in_bound check (l1_block_number >= 0),
    constraint foreign_settlement_differs check (settled_digest <> sealed_digest)
);

call make_append_only('foreign_settlement');

grant select on foreign_settlement to netfold_engine, netfold_api, netfold_read;
grant insert on foreign_settlement to netfold_engine;

reset role;
