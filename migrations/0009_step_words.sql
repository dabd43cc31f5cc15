-- A step shows up to 16 cells and 8 rollups: its output is 75 words. Outputs of the shape before it belong
-- to another circuit and verification key, so to domains that this version does not run; they stay
-- as they are, and the rule is for every new one.

set local role netfold_owner;

alter table epoch_step drop constraint epoch_step_has_39_words;
alter table epoch_step add constraint epoch_step_has_75_words
    check (octet_length(output) = 75 * 32) not valid;

reset role;
