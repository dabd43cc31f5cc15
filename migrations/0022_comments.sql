-- What the comments of earlier migrations leave unsaid, or said of a shape that has changed since. Nothing
-- else is different.
set local role netfold_owner;

comment on table asset is
    'An asset as it was registered on L1. Its accounts are opened with it.';
comment on table rollup is
    'A rollup as it was registered on L1, with the key that signs its batches. Its accounts are opened with it.';
comment on table deposit is
    'A deposit on L1, booked into the rollup''s cell: one row, one block, one log.';
comment on table epoch_rollup is
    'The same of every rollup: where its next batch continues.';
comment on table epoch_submission_end is
    'An attempt that is known to have failed. Without such a row it is live: unknown is not failed.';
comment on table epoch_reorg is
    'A settlement that L1 has taken back.';
comment on table epoch_final is
    'A settlement that is so deep that no reorg undoes it. Nothing of the epoch changes any more.';
comment on table foreign_settlement is
    'The settlement on L1, if there is one, that these books do not lead to. There is at most one row, and the books end with the epoch before it.';
comment on table epoch_books is
    'The trial balance at sealing under one digest, which our settlement tells L1.';

comment on column journal_block.posting_kind is
    '1 asset, 2 rollup, 3 deposit, 4 batch, 5 claim, 6 reversal of a batch, 7 hold, 8 release of a hold';
comment on column transfer.posting_kind is 'that of its block';
comment on column epoch_seal.reason is '1 schedule, 2 size, 3 value, 4 command, 5 grace';
comment on column epoch_step.output is 'what the contract reads of it, 91 words';

reset role;
