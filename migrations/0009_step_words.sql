-- A step shows up to 16 cells and 8 rollups: its output is 75 words; a batch has up to 8 lanes: the
-- words that it signs are 18. What is of the shape before belongs to another circuit and
-- verification key, so to domains that this version does not run; it stays as it is, and the rules
-- are for every new row. An epoch's 48 steps take 512 batches.

set local role netfold_owner;

alter table epoch_step drop constraint epoch_step_has_39_words;
alter table epoch_step add constraint epoch_step_has_75_words
    check (octet_length(output) = 75 * 32) not valid;

alter table equivocation drop constraint equivocation_words_in_bound;
alter table equivocation add constraint equivocation_words_in_bound
    check (octet_length(refused_words) = 18 * 32) not valid;

alter table batch drop constraint batch_epoch_full;
alter table batch add constraint batch_epoch_full check (place_in_epoch between 0 and 511);

reset role;
