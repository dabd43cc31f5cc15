//! What each constraint of the schema is there to refuse; `refusals` tries it.

/// On the rows of `life::live`.
pub(crate) const ATTACKS: &[(&str, &str)] = &[
    // Values.
    ("atoms_in_bound", "update deposit set atoms = 'NaN'"),
    ("atoms_in_bound", "update deposit set atoms = 1.5"),
    ("atoms_in_bound", "update deposit set atoms = -1"),
    ("atoms_in_bound", "update deposit set atoms = 79228162514264337593543950336"),
    ("turnover_in_bound", "update balance set debits = -1"),
    ("turnover_in_bound", "update balance set debits = 'NaN'"),
    ("hash32_has_32_bytes", "update rollup set key_x = '\\x00'"),
    ("address20_has_20_bytes", "update asset set token = '\\x00'"),
    // The domain.
    ("domain_identity_key", "insert into domain_identity select * from domain_identity"),
    ("domain_identity_only_one", "update domain_identity set only_one = false"),
    ("domain_identity_chain_id_positive", "update domain_identity set chain_id = 0"),
    ("domain_identity_domain_id_in_bound", "update domain_identity set domain_id = 4294967296"),
    ("domain_identity_block_in_bound", "update domain_identity set deployed_at_block = -1"),
    // A settlement that is not ours.
    (
        "foreign_settlement_key",
        "insert into foreign_settlement (epoch_number, tx_hash, l1_block_number, l1_block_hash, settled_digest, sealed_digest) values (1, sha256('a'), 1, sha256('b'), sha256('c'), null); insert into foreign_settlement (epoch_number, tx_hash, l1_block_number, l1_block_hash, settled_digest, sealed_digest) values (1, sha256('a'), 1, sha256('b'), sha256('c'), null);",
    ),
    (
        "foreign_settlement_only_one",
        "insert into foreign_settlement (only_one, epoch_number, tx_hash, l1_block_number, l1_block_hash, settled_digest) values (false, 1, sha256('a'), 1, sha256('b'), sha256('c'))",
    ),
    (
        "foreign_settlement_of_epoch",
        "insert into foreign_settlement (epoch_number, tx_hash, l1_block_number, l1_block_hash, settled_digest, sealed_digest) values (999, sha256('a'), 1, sha256('b'), sha256('c'), null)",
    ),
    (
        "foreign_settlement_block_in_bound",
        "insert into foreign_settlement (epoch_number, tx_hash, l1_block_number, l1_block_hash, settled_digest, sealed_digest) values (1, sha256('a'), -1, sha256('b'), sha256('c'), null)",
    ),
    (
        "foreign_settlement_differs",
        "insert into foreign_settlement (epoch_number, tx_hash, l1_block_number, l1_block_hash, settled_digest, sealed_digest) values (1, sha256('a'), 1, sha256('b'), sha256('c'), sha256('c'))",
    ),
    // Accounts and balances.
    ("account_key", "insert into account select * from account"),
    ("account_kind_known", "insert into account values (17179934721, 4, 1, 1)"),
    ("account_number_spells_its_parts", "insert into account values (5, 1, 0, 1)"),
    ("account_rollup_in_bound", "insert into account values (4295032833, 1, 1, 1)"),
    ("account_rollup_in_bound", "insert into account values (8589934593, 2, 0, 1)"),
    ("account_asset_in_bound", "insert into account values (4294967296, 1, 0, 0)"),
    ("balance_key", "insert into balance select * from balance"),
    ("balance_of_account", "insert into balance (account_id) values (7)"),
    (
        "balance_not_overdrawn",
        "update balance set debits = credits + 1 where account_id = 8590000129",
    ),
    (
        "balance_not_overdrawn",
        "update balance set credits = debits + 1 where account_id = 4294967297",
    ),
    (
        "balance_in_bound",
        "update balance set credits = debits + 79228162514264337593543950336 where account_id = 8590000129",
    ),
    // The journal.
    ("journal_block_key", "update journal_block set block_number = 2 where block_number = 16"),
    ("journal_block_from_one", "update journal_block set block_number = 0 where block_number = 1"),
    (
        "journal_block_continues_the_chain",
        "update journal_block set previous_hash = sha256('x') where block_number = 16",
    ),
    (
        "journal_block_continues_the_chain",
        "insert into journal_block (block_number, epoch_number, posting_kind, transfer_count, previous_hash, content_digest, block_hash, posted_at) select 18, epoch_number, posting_kind, transfer_count, block_hash, content_digest, sha256('x'), posted_at from journal_block where block_number = 16",
    ),
    (
        "journal_block_first_has_no_past",
        "update journal_block set previous_hash = sha256('x') where block_number = 1",
    ),
    (
        "journal_block_of_epoch",
        "insert into journal_block (block_number, epoch_number, posting_kind, transfer_count, previous_hash, content_digest, block_hash, posted_at) select 17, 9, posting_kind, transfer_count, block_hash, content_digest, sha256('x'), posted_at from journal_block where block_number = 16",
    ),
    ("journal_block_kind_known", "update journal_block set posting_kind = 9, transfer_count = 0"),
    (
        "journal_block_transfers_in_bound",
        "update journal_block set transfer_count = 1001 where posting_kind = 4",
    ),
    (
        "journal_block_transfers_in_bound",
        "update journal_block set transfer_count = 0 where posting_kind = 3",
    ),
    (
        "journal_block_transfers_in_bound",
        "update journal_block set transfer_count = 1 where posting_kind = 1",
    ),
    ("transfer_1_pkey", "update transfer set position = 0 where block_number = 12"),
    ("transfer_position_in_bound", "update transfer set position = 1000 where block_number = 12"),
    ("transfer_atoms_in_bound", "update transfer set atoms = 0"),
    (
        "transfer_moves",
        "update transfer set credit_account_id = debit_account_id where block_number = 14",
    ),
    ("transfer_of_one_asset", "update transfer set credit_account_id = credit_account_id + 1"),
    (
        "transfer_fits_its_posting",
        "update transfer set posting_kind = 1, recipient = null where block_number = 12",
    ),
    ("transfer_fits_its_posting", "update transfer set posting_kind = 5 where block_number = 6"),
    (
        "transfer_fits_its_posting",
        "update transfer set credit_account_id = 12884967425 where block_number = 14",
    ),
    (
        "transfer_recipient_of_batches",
        "update transfer set recipient = null where block_number = 12",
    ),
    (
        "transfer_recipient_of_batches",
        "update transfer set recipient = substr(sha256('x'), 1, 20) where block_number = 6",
    ),
    // What L1 said.
    ("l1_log_once", "insert into l1_log select * from l1_log"),
    ("l1_log_index_in_bound", "update l1_log set log_index = -1"),
    ("l1_log_block_in_bound", "update l1_log set l1_block_number = -1"),
    ("l1_log_kind_known", "update l1_log set log_kind = 4"),
    ("l1_range_key", "insert into l1_range select * from l1_range"),
    ("l1_range_continues", "insert into l1_range values (99, sha256('x'), 98, 0, now())"),
    ("l1_range_continues_once", "insert into l1_range values (99, sha256('x'), 1, 0, now())"),
    ("l1_range_continues_once", "insert into l1_range values (99, sha256('x'), null, 0, now())"),
    (
        "l1_range_goes_forward",
        "update l1_range set previous_block_number = 2 where last_block_number = 2",
    ),
    ("l1_range_log_count_in_bound", "update l1_range set log_count = -1"),
    ("asset_key", "update asset set asset_id = 2 where asset_id = 1"),
    ("asset_id_in_bound", "update asset set asset_id = 65536 where asset_id = 2"),
    ("asset_decimals_in_bound", "update asset set ledger_decimals = token_decimals + 1"),
    ("asset_decimals_in_bound", "update asset set token_decimals = 29, ledger_decimals = 29"),
    ("asset_block_unique", "update asset set block_number = 2 where asset_id = 1"),
    (
        "asset_log_once",
        "update asset set (tx_hash, log_index) = (select tx_hash, log_index from asset where asset_id = 2) where asset_id = 1",
    ),
    ("asset_posted", "update asset set block_number = 12 where asset_id = 1"),
    ("asset_of_log", "update asset set log_index = 99 where asset_id = 1"),
    ("rollup_registered_once", "update rollup set rollup_id = 2 where rollup_id = 1"),
    ("rollup_id_in_bound", "update rollup set rollup_id = 0 where rollup_id = 1"),
    ("rollup_block_unique", "update rollup set block_number = 4 where rollup_id = 1"),
    (
        "rollup_log_once",
        "update rollup set (tx_hash, log_index) = (select tx_hash, log_index from rollup where rollup_id = 2) where rollup_id = 1",
    ),
    ("rollup_posted", "update rollup set block_number = 12 where rollup_id = 1"),
    ("rollup_of_log", "update rollup set log_index = 99 where rollup_id = 1"),
    ("deposit_key", "update deposit set block_number = 7 where block_number = 6"),
    (
        "deposit_once",
        "update deposit set (tx_hash, log_index) = (select tx_hash, log_index from deposit where block_number = 7) where block_number = 6",
    ),
    ("deposit_atoms_in_bound", "update deposit set atoms = 0"),
    ("deposit_of_rollup", "update deposit set rollup_id = 9 where block_number = 6"),
    ("deposit_of_asset", "update deposit set asset_id = 9 where block_number = 6"),
    ("deposit_posted", "update deposit set block_number = 99 where block_number = 6"),
    ("deposit_of_log", "update deposit set log_index = 99 where block_number = 6"),
    (
        "l1_settlement_key",
        "insert into l1_settlement (epoch_number, state_digest, step_count, tx_hash, log_index) select epoch_number, state_digest, step_count, sha256('x'), 0 from l1_settlement",
    ),
    (
        "l1_settlement_once",
        "insert into l1_settlement (epoch_number, state_digest, step_count, tx_hash, log_index) select 2, state_digest, step_count, tx_hash, log_index from l1_settlement",
    ),
    (
        "l1_settlement_of_epoch",
        "insert into l1_settlement (epoch_number, state_digest, step_count, tx_hash, log_index) select 9, state_digest, step_count, sha256('x'), 0 from l1_settlement",
    ),
    ("l1_settlement_steps_in_bound", "update l1_settlement set step_count = 0"),
    ("l1_settlement_of_log", "update l1_settlement set log_index = 99"),
    (
        "l1_settlement_books_key",
        "insert into l1_settlement_books select * from l1_settlement_books",
    ),
    (
        "l1_settlement_books_of_settlement",
        "insert into l1_settlement_books values (2, sha256('x'))",
    ),
    (
        "l1_settlement_says_its_books",
        "delete from l1_settlement_books; set constraints all immediate",
    ),
    // Batches.
    (
        "batch_height_taken",
        "insert into batch (rollup_id, height, block_number, epoch_number, place_in_epoch, previous_root, new_root, exit_root, body_digest, batch_digest, signature, transfer_count, exit_count, exits_before, exit_tree) select rollup_id, height, 99, epoch_number, 90, previous_root, new_root, exit_root, body_digest, batch_digest, signature, transfer_count, exit_count, exits_before, exit_tree from batch where block_number = 13",
    ),
    ("batch_height_in_bound", "update batch set height = -1 where block_number = 14"),
    (
        "batch_continues_the_last",
        "update batch set previous_root = sha256('x') where block_number = 13",
    ),
    ("batch_continues_the_last", "update batch set exits_before = 5 where block_number = 13"),
    (
        "batch_first_has_no_past",
        "update batch set previous_root = sha256('x') where block_number = 14",
    ),
    (
        "batch_of_rollup",
        "insert into batch (rollup_id, height, block_number, epoch_number, place_in_epoch, previous_root, new_root, exit_root, body_digest, batch_digest, signature, transfer_count, exit_count, exits_before, exit_tree) select 9, 0, 16, epoch_number, 9, decode(repeat('00', 32), 'hex'), new_root, exit_root, body_digest, batch_digest, signature, transfer_count, exit_count, 0, exit_tree from batch where block_number = 13",
    ),
    ("batch_block_unique", "update batch set block_number = 12 where block_number = 13"),
    (
        "batch_posted",
        "delete from keyed_write; update batch set block_number = 16 where block_number = 14",
    ),
    ("batch_place_in_bound", "update batch set place_in_epoch = -1"),
    ("batch_place_taken", "update batch set place_in_epoch = 0"),
    ("batch_signature_has_96_bytes", "update batch set signature = '\\x00'"),
    ("batch_exit_tree_has_32_levels", "update batch set exit_tree = '\\x00'"),
    ("batch_counts_in_bound", "update batch set transfer_count = 1001"),
    ("lane_key", "insert into lane select * from lane"),
    ("lane_of_batch", "insert into lane values (1, 9, 1, 2, 1, 1, 1)"),
    ("lane_atoms_in_bound", "update lane set atoms = 0"),
    ("lane_transfers_in_bound", "update lane set transfer_count = 0"),
    ("lane_transfers_in_bound", "update lane set transfer_count = 1001"),
    (
        "lane_leaves_its_rollup",
        "update lane set destination_id = rollup_id where destination_id = 0",
    ),
    ("exit_index_taken", "update exit set exit_index = 0 where exit_index = 1"),
    ("exit_index_in_bound", "update exit set exit_index = 4294967295 where exit_index = 2"),
    ("exit_of_batch", "update exit set height = 9 where exit_index = 2"),
    ("exit_transfer_unique", "update exit set position = 2 where exit_index = 1"),
    (
        "claim_once",
        "insert into claim (rollup_id, exit_index, asset_id, recipient, atoms, proven_epoch_number, block_number, epoch_number, tx_hash, log_index) select rollup_id, exit_index, asset_id, recipient, atoms, proven_epoch_number, 99, epoch_number, sha256('x'), 0 from claim",
    ),
    ("claim_of_exit", "update claim set atoms = 4"),
    ("claim_of_exit", "update claim set recipient = substr(sha256('x'), 1, 20)"),
    ("claim_of_exit", "update claim set exit_index = 1"),
    ("claim_of_epoch", "update claim set proven_epoch_number = 9"),
    (
        "claim_log_once",
        "insert into claim (rollup_id, exit_index, asset_id, recipient, atoms, proven_epoch_number, block_number, epoch_number, tx_hash, log_index) select rollup_id, 1, asset_id, recipient, 4, proven_epoch_number, 99, epoch_number, tx_hash, log_index from claim",
    ),
    (
        "claim_block_unique",
        "insert into claim (rollup_id, exit_index, asset_id, recipient, atoms, proven_epoch_number, block_number, epoch_number, tx_hash, log_index) select rollup_id, 1, asset_id, recipient, 4, proven_epoch_number, block_number, epoch_number, sha256('x'), 0 from claim",
    ),
    ("claim_posted", "update claim set block_number = 16"),
    ("claim_of_log", "update claim set log_index = 99"),
    ("equivocation_key", "insert into equivocation select * from equivocation"),
    ("equivocation_of_two", "update equivocation set refused_digest = recorded_digest"),
    ("equivocation_words_in_bound", "update equivocation set refused_words = '\\x00'"),
    ("equivocation_signature_has_96_bytes", "update equivocation set refused_signature = '\\x00'"),
    // Epochs.
    ("epoch_key", "update epoch set epoch_number = 2 where epoch_number = 3"),
    ("epoch_from_one", "update epoch set epoch_number = 0 where epoch_number = 1"),
    (
        "epoch_opens_as_the_last_closed",
        "update epoch set opening_digest = sha256('x') where epoch_number = 3",
    ),
    (
        "epoch_opens_as_the_last_closed",
        "insert into epoch (epoch_number, opening_digest) select 4, opening_digest from epoch where epoch_number = 3",
    ),
    ("seal_request_key", "insert into seal_request select * from seal_request"),
    (
        "seal_request_of_epoch",
        "insert into seal_request (epoch_number, requested_by) values (9, 'x')",
    ),
    ("seal_request_name_in_bound", "update seal_request set requested_by = repeat('x', 101)"),
    ("epoch_seal_key", "update epoch_seal set epoch_number = 1 where epoch_number = 2"),
    ("epoch_seal_reason_known", "update epoch_seal set reason = 6"),
    (
        "epoch_seal_of_epoch",
        "update epoch_seal set opening_digest = sha256('x') where epoch_number = 2",
    ),
    (
        "epoch_seal_pins_the_journal",
        "update epoch_seal set last_block_hash = sha256('x') where epoch_number = 2",
    ),
    (
        "epoch_seal_cuts_l1_off",
        "update epoch_seal set l1_block_hash = sha256('x') where epoch_number = 2",
    ),
    ("epoch_seal_not_empty", "update epoch_seal set operation_count = 0"),
    ("epoch_seal_not_empty", "update epoch_seal set operation_count = -1, reason = 5"),
    (
        "epoch_seal_pins_the_books",
        "insert into epoch_seal (epoch_number, reason, last_block, last_block_hash, l1_block_number, l1_block_hash, batch_count, operation_count, transfer_count, opening_digest, closing_digest) select 3, reason, last_block, last_block_hash, l1_block_number, l1_block_hash, batch_count, operation_count, transfer_count, closing_digest, closing_digest from epoch_seal where epoch_number = 2; set constraints all immediate",
    ),
    ("epoch_balance_key", "insert into epoch_balance select * from epoch_balance"),
    ("epoch_balance_of_account", "insert into epoch_balance values (1, 7, 0, 0, 0, 0)"),
    (
        "epoch_balance_of_books",
        "insert into epoch_balance values (3, 4294967297, 0, 0, 0, 0); set constraints all immediate",
    ),
    ("epoch_books_key", "insert into epoch_books select * from epoch_books"),
    ("epoch_books_of_seal", "insert into epoch_books values (9, 0, sha256('x'))"),
    ("epoch_cell_key", "insert into epoch_cell select * from epoch_cell"),
    ("epoch_cell_of_seal", "insert into epoch_cell values (9, 1, 1, 0, 0, 0, true)"),
    ("epoch_rollup_key", "insert into epoch_rollup select * from epoch_rollup"),
    (
        "epoch_rollup_of_seal",
        "insert into epoch_rollup values (9, 1, 0, sha256('x'), sha256('x'), true)",
    ),
    ("epoch_rollup_height_in_bound", "update epoch_rollup set next_height = -1"),
    (
        "epoch_step_key",
        "insert into epoch_step (epoch_number, step_number, output) select epoch_number, step_number, output from epoch_step",
    ),
    ("epoch_step_in_bound", "update epoch_step set step_number = 129 where epoch_number = 2"),
    (
        "epoch_step_of_epoch",
        "insert into epoch_step (epoch_number, step_number, output) select 9, 1, output from epoch_step limit 1",
    ),
    (
        "epoch_step_continues",
        "insert into epoch_step (epoch_number, step_number, output) select 2, 3, output from epoch_step limit 1",
    ),
    ("epoch_step_has_91_words", "update epoch_step set output = '\\x00'"),
    ("epoch_checkpoint_key", "insert into epoch_checkpoint select * from epoch_checkpoint"),
    ("epoch_checkpoint_of_step", "update epoch_checkpoint set step_number = 9"),
    (
        "epoch_checkpoint_in_bound",
        "update epoch_checkpoint set checkpoint = convert_to(repeat('x', 268435457), 'UTF8')",
    ),
    ("epoch_proof_key", "insert into epoch_proof select * from epoch_proof"),
    ("epoch_proof_closes_as_sealed", "update epoch_proof set closing_digest = sha256('x')"),
    ("epoch_proof_of_steps", "update epoch_proof set step_count = 99"),
    ("epoch_proof_digest_is_its_own", "update epoch_proof set proof = 'x'"),
    ("epoch_proof_in_bound", "update epoch_proof set proof = '', proof_digest = sha256('')"),
    (
        "epoch_settlement_proof_key",
        "insert into epoch_settlement_proof select * from epoch_settlement_proof",
    ),
    (
        "epoch_settlement_proof_closes_as_sealed",
        "update epoch_settlement_proof set closing_digest = sha256('x')",
    ),
    ("epoch_settlement_proof_of_steps", "update epoch_settlement_proof set step_count = 99"),
    ("epoch_settlement_proof_digest_is_its_own", "update epoch_settlement_proof set proof = 'x'"),
    (
        "epoch_settlement_proof_in_bound",
        "update epoch_settlement_proof set proof = '', proof_digest = sha256('')",
    ),
    (
        "epoch_settlement_proof_in_bound",
        "update epoch_settlement_proof set (proof, proof_digest) = (select long, sha256(long) from convert_to(repeat('x', 1048577), 'UTF8') long)",
    ),
    ("epoch_submission_key", "update epoch_submission set attempt = 1 where attempt = 2"),
    ("epoch_submission_from_one", "update epoch_submission set attempt = 0 where attempt = 1"),
    (
        "epoch_submission_of_settlement_proof",
        "insert into epoch_submission (epoch_number, attempt, sender, nonce, tx_hash, raw_tx) select 2, 1, sender, nonce, sha256('x'), raw_tx from epoch_submission limit 1",
    ),
    ("epoch_submission_tx_unique", "update epoch_submission set tx_hash = sha256('x')"),
    ("epoch_submission_nonce_in_bound", "update epoch_submission set nonce = -1"),
    ("epoch_submission_tx_in_bound", "update epoch_submission set raw_tx = ''"),
    (
        "epoch_submission_single_job",
        "insert into epoch_submission (epoch_number, attempt, sender, nonce, tx_hash, raw_tx) select 1, 3, sender, nonce, sha256('x'), raw_tx from epoch_submission limit 1",
    ),
    (
        "epoch_submission_end_key",
        "insert into epoch_submission_end select * from epoch_submission_end",
    ),
    (
        "epoch_submission_end_of_submission",
        "insert into epoch_submission_end values (1, 3, 1, now())",
    ),
    ("epoch_submission_end_reason_known", "update epoch_submission_end set reason = 5"),
    ("epoch_settlement_key", "update epoch_settlement set sequence = 1 where sequence = 2"),
    ("epoch_settlement_from_one", "update epoch_settlement set sequence = 0 where sequence = 1"),
    ("epoch_settlement_as_sealed", "update epoch_settlement set state_digest = sha256('x')"),
    (
        "epoch_settlement_stands_alone",
        "insert into epoch_settlement (epoch_number, sequence, tx_hash, l1_block_number, l1_block_hash, gas_used, state_digest) select 1, 3, tx_hash, 1, l1_block_hash, 1, state_digest from epoch_settlement where sequence = 2",
    ),
    ("epoch_settlement_numbers_in_bound", "update epoch_settlement set gas_used = -1"),
    ("epoch_reorg_key", "insert into epoch_reorg select * from epoch_reorg"),
    (
        "epoch_reorg_of_settlement",
        "insert into epoch_reorg select 1, 3, l1_block_number, l1_block_hash, now() from epoch_reorg",
    ),
    ("epoch_final_key", "insert into epoch_final select * from epoch_final"),
    ("epoch_final_of_settlement", "update epoch_final set sequence = 3"),
    // Events.
    ("event_key", "update event set event_number = 2 where event_number = 3"),
    ("event_from_one", "update event set event_number = 0 where event_number = 1"),
    (
        "event_continues_the_chain",
        "update event set previous_hash = sha256('x') where event_number = (select max(event_number) from event)",
    ),
    (
        "event_first_has_no_past",
        "update event set previous_hash = sha256('x') where event_number = 1",
    ),
];

/// On those of `life::evicted`.
pub(crate) const EVICTION_ATTACKS: &[(&str, &str)] = &[
    ("batch_attempt_from_one", "update batch set attempt = 0 where block_number = 23"),
    ("batch_attempt_follows_an_eviction", "update batch set attempt = 3 where block_number = 23"),
    ("batch_height_taken", "update batch set attempt = 1 where block_number = 22"),
    ("batch_continues_the_last", "update batch set continued_attempt = 1 where block_number = 23"),
    ("batch_continues_the_last", "update batch set continued_attempt = 3 where block_number = 23"),
    ("batch_continues_the_last", "update batch set height = 5 where block_number = 23"),
    ("lane_of_batch", "update lane set attempt = 3 where height = 2 and attempt = 2"),
    ("exit_attempt_from_one", "update exit set attempt = 0 where block_number = 22"),
    ("exit_index_taken", "update exit set attempt = 1 where block_number = 22"),
    (
        "exit_continues_its_attempts",
        "update exit set attempt = 3 where block_number = 22 and exit_index = 3",
    ),
    ("claim_of_exit", "update claim set exit_attempt = 2"),
    (
        "transfer_fits_its_posting",
        "update transfer set posting_kind = 6, recipient = null where block_number = 22 and position = 1",
    ),
    (
        "transfer_recipient_of_batches",
        "update transfer set recipient = substr(sha256('x'), 1, 20) where block_number = 20",
    ),
    (
        "journal_block_transfers_in_bound",
        "update journal_block set transfer_count = 1001 where block_number = 20",
    ),
    (
        "batch_eviction_once",
        "insert into batch_eviction (rollup_id, height, attempt, reversed_block, block_number, epoch_number, cause_rollup_id, cause_height, cause_attempt, reason) select rollup_id, height, attempt, 98, 99, epoch_number, cause_rollup_id, cause_height, cause_attempt, reason from batch_eviction",
    ),
    (
        "batch_eviction_of_batch",
        "update batch_eviction set reversed_block = 12 where block_number = 20",
    ),
    ("batch_eviction_of_batch", "update batch_eviction set epoch_number = 2"),
    (
        "batch_eviction_reverses_once",
        "update batch_eviction set reversed_block = 17 where block_number = 20",
    ),
    (
        "batch_eviction_block_unique",
        "update batch_eviction set block_number = 21 where block_number = 20",
    ),
    (
        "batch_eviction_posted",
        "update batch_eviction set block_number = 22 where block_number = 20",
    ),
    ("batch_eviction_of_cause", "update batch_eviction set cause_attempt = 2"),
    ("batch_eviction_reason_in_bound", "update batch_eviction set reason = ''"),
    ("batch_eviction_reason_in_bound", "update batch_eviction set reason = repeat('x', 1001)"),
];
