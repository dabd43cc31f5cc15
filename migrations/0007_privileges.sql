-- Append-only by privilege: whoever runs may insert what is theirs to insert, change the sums in
-- `balance`, and nothing else. Triggers are the second line only.
set local role netfold_owner;

grant execute on function lock_books(), refuse(text, text) to netfold_engine, netfold_api;
grant execute on function row_digest(jsonb) to netfold_engine, netfold_api, netfold_read;
grant execute on function
    content(domain_identity), content(epoch), content(l1_settlement), content(equivocation),
    content(seal_request), content(epoch_seal), content(epoch_step), content(epoch_proof),
    content(epoch_submission), content(epoch_submission_end), content(epoch_settlement),
    content(epoch_reorg), content(epoch_final)
    to netfold_engine, netfold_api, netfold_read;

-- Everybody reads everything but the prover's working data.
grant select on
    domain_identity, epoch, journal_block, account, balance, transfer, l1_log, l1_range, asset,
    rollup, deposit, l1_settlement, batch, lane, exit, claim, equivocation, seal_request,
    epoch_seal, epoch_cell, epoch_rollup, epoch_step, epoch_proof, epoch_submission,
    epoch_submission_end, epoch_settlement, epoch_reorg, epoch_final, event, standing_settlement
    to netfold_engine, netfold_api, netfold_read;

-- Both that post write the journal and move the sums.
grant insert on journal_block, transfer to netfold_engine, netfold_api;
grant update (debits, credits, version, last_block) on balance to netfold_engine, netfold_api;

-- The api: batches, evidence, the wish to seal.
grant insert on batch, lane, exit, equivocation, seal_request to netfold_api;

-- The engine: what happened on L1, and the life of an epoch.
grant insert on
    domain_identity, epoch, l1_log, l1_range, asset, rollup, deposit, l1_settlement, claim,
    seal_request, epoch_seal, epoch_cell, epoch_rollup, epoch_step, epoch_proof, epoch_submission,
    epoch_submission_end, epoch_settlement, epoch_reorg, epoch_final
    to netfold_engine;
grant select, insert, delete on epoch_checkpoint to netfold_engine;

reset role;
