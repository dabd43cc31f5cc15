//! What each constraint of keys and of the operators' log is there to refuse; `refusals` tries it.

/// On the rows of `life::live`.
pub(crate) const API_KEY_ATTACKS: &[(&str, &str)] = &[
    (
        "api_key_key",
        "update api_key set api_key_id = '0101010101010101' where api_key_id = '0202020202020202'",
    ),
    ("api_key_digest_unique", "update api_key set key_digest = sha256('x')"),
    ("api_key_id_has_16_digits", "update api_key set api_key_id = 'A101010101010101'"),
    ("api_key_id_has_16_digits", "update api_key set api_key_id = '1'"),
    ("api_key_name_in_bound", "update api_key set name = ''"),
    ("api_key_name_in_bound", "update api_key set name = repeat('x', 101)"),
    ("api_key_scopes_known", "update api_key set scopes = ''"),
    ("api_key_scopes_known", "update api_key set scopes = 'admin'"),
    ("api_key_scopes_known", "update api_key set scopes = 'submit:0'"),
    ("api_key_scopes_known", "update api_key set scopes = 'submit:70000'"),
    ("api_key_scopes_known", "update api_key set scopes = 'read submit:65536'"),
    ("api_key_scopes_known", "update api_key set scopes = 'read  operate'"),
    ("api_key_scopes_known", "update api_key set scopes = 'read operate' || chr(10)"),
    ("api_key_scopes_known", "update api_key set scopes = 'read' || repeat(' read', 20)"),
    ("api_key_revocation_key", "insert into api_key_revocation select * from api_key_revocation"),
    ("api_key_revocation_of_key", "update api_key_revocation set api_key_id = '0303030303030303'"),
    ("operator_action_key", "insert into operator_action select * from operator_action"),
    (
        "operator_action_from_one",
        "update operator_action set action_number = 0 where action_number = 1",
    ),
    (
        "operator_action_kind_known",
        "update operator_action set action_kind = 7 where action_kind = 2",
    ),
    ("operator_action_says_on_what", "update operator_action set action_kind = 1"),
    ("operator_action_says_on_what", "update operator_action set epoch_number = 3"),
    (
        "operator_action_of_request",
        "update operator_action set epoch_number = 1 where action_kind = 1",
    ),
    (
        "operator_action_on_key",
        "update operator_action set subject_key_id = '0303030303030303' where action_kind = 2",
    ),
    ("operator_action_by_key", "update operator_action set api_key_id = '0303030303030303'"),
    (
        "keyed_write_key",
        "insert into keyed_write (api_key_id, idempotency_key, item, request_digest, block_number, replayed, epoch_number) select api_key_id, idempotency_key, item, request_digest, block_number, replayed, epoch_number from keyed_write",
    ),
    (
        "keyed_write_booked_once",
        "update keyed_write set replayed = false; insert into keyed_write (api_key_id, idempotency_key, item, request_digest, block_number, replayed) select api_key_id, 'other', item, request_digest, block_number, false from keyed_write where block_number = 14",
    ),
    ("keyed_write_key_in_bound", "update keyed_write set idempotency_key = ''"),
    ("keyed_write_key_in_bound", "update keyed_write set idempotency_key = 'a b'"),
    ("keyed_write_key_in_bound", "update keyed_write set idempotency_key = U&'\\00e9'"),
    ("keyed_write_key_in_bound", "update keyed_write set idempotency_key = repeat('k', 256)"),
    ("keyed_write_item_in_bound", "update keyed_write set item = -1"),
    ("keyed_write_item_in_bound", "update keyed_write set item = 100"),
    ("keyed_write_says_what", "update keyed_write set epoch_number = null, block_number = null"),
    ("keyed_write_says_what", "update keyed_write set epoch_number = 3, block_number = 14"),
    ("keyed_write_says_what", "update keyed_write set replayed = true"),
    ("keyed_write_says_what", "update keyed_write set webhook_id = '0101010101010101'"),
    ("keyed_write_by_key", "update keyed_write set api_key_id = '0303030303030303'"),
    ("keyed_write_of_batch", "update keyed_write set block_number = 1 where epoch_number is null"),
    (
        "keyed_write_of_request",
        "update keyed_write set epoch_number = 1 where block_number is null",
    ),
    (
        "keyed_write_of_webhook",
        "update keyed_write set epoch_number = null, webhook_id = '0303030303030303' where block_number is null",
    ),
];
