-- Steps are folded while their epoch is still open: a step needs its epoch, not its seal. That what
-- was folded ahead belongs to the sealed plan is compared before sealing, before each proof, and by
-- the audit; a proof still needs the seal.
set local role netfold_owner;

alter table epoch_step add constraint epoch_step_of_epoch foreign key (epoch_number) references epoch;
alter table epoch_step drop constraint epoch_step_of_seal;

reset role;
