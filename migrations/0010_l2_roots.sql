-- A step shows the L2 root of each of its rollups, too: its output is 91 words. What is of the shape
-- before belongs to another circuit and verification key, so to domains that this version does not
-- run; it stays as it is, and the rules are for every new row. An epoch's 128 steps take 1,792
-- batches.

set local role netfold_owner;

alter table epoch_step drop constraint epoch_step_has_75_words;
alter table epoch_step add constraint epoch_step_has_91_words
    check (octet_length(output) = 91 * 32) not valid;

alter table batch drop constraint batch_epoch_full;
alter table batch add constraint batch_epoch_full check (place_in_epoch between 0 and 1791);

reset role;
