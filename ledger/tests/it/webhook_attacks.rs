//! What each constraint of webhooks is there to refuse; `refusals` tries it.

/// On the rows of `life::live`.
pub(crate) const WEBHOOK_ATTACKS: &[(&str, &str)] = &[
    (
        "webhook_key",
        "insert into webhook (webhook_id, url, after_event, secret_digest)
        select webhook_id, url, 0, secret_digest from webhook",
    ),
    ("webhook_id_has_16_digits", "update webhook set webhook_id = 'A101010101010101'"),
    ("webhook_id_has_16_digits", "update webhook set webhook_id = '1'"),
    ("webhook_url_in_bound", "update webhook set url = ''"),
    ("webhook_url_in_bound", "update webhook set url = repeat('x', 2049)"),
    ("webhook_kinds_in_bound", "update webhook set event_kinds = '{}'"),
    ("webhook_kinds_in_bound", "update webhook set event_kinds = '{1, null}'"),
    ("webhook_kinds_in_bound", "update webhook set event_kinds = '{4, 0}'"),
    (
        "webhook_kinds_in_bound",
        "update webhook set event_kinds = array_fill(1::smallint, array[101])",
    ),
    ("webhook_starts_at_an_event", "update webhook set after_event = -1"),
    ("webhook_starts_at_an_event", "update webhook set after_event = 1000000"),
    ("webhook_revocation_key", "insert into webhook_revocation select * from webhook_revocation"),
    (
        "webhook_revocation_of_webhook",
        "update webhook_revocation set webhook_id = '0303030303030303'",
    ),
    (
        "webhook_attempt_key",
        "insert into webhook_attempt (webhook_id, attempt_number, event_number, outcome)
        select webhook_id, attempt_number, event_number, 3 from webhook_attempt",
    ),
    (
        "webhook_attempt_from_one",
        "insert into webhook_attempt (webhook_id, attempt_number, event_number, outcome)
        select webhook_id, 0, 1, 3 from webhook limit 1",
    ),
    (
        "webhook_attempt_of_webhook",
        "insert into webhook_attempt (webhook_id, attempt_number, event_number, outcome)
        values ('0303030303030303', 1, 1, 3)",
    ),
    (
        "webhook_attempt_continues",
        "insert into webhook_attempt (webhook_id, attempt_number, event_number, outcome)
        select webhook_id, max(attempt_number) + 2, 2, 3 from webhook_attempt group by 1",
    ),
    ("webhook_attempt_of_event", "update webhook_attempt set event_number = 1000000"),
    (
        "webhook_attempt_outcome_known",
        "update webhook_attempt set outcome = 7, http_status = null where outcome <> 1",
    ),
    ("webhook_attempt_says_its_status", "update webhook_attempt set http_status = null"),
    ("webhook_attempt_says_its_status", "update webhook_attempt set outcome = 1"),
    ("webhook_attempt_says_its_status", "update webhook_attempt set outcome = 2"),
    ("webhook_attempt_says_its_status", "update webhook_attempt set outcome = 5"),
    (
        "webhook_attempt_says_its_status",
        "update webhook_attempt set http_status = 1000 where outcome = 2",
    ),
    ("webhook_pass_key", "insert into webhook_pass select * from webhook_pass"),
    ("webhook_pass_of_webhook", "update webhook_pass set webhook_id = '0303030303030303'"),
    ("webhook_pass_of_event", "update webhook_pass set through_event = 1000000"),
    ("webhook_resumption_key", "insert into webhook_resumption select * from webhook_resumption"),
    ("webhook_resumption_of_attempt", "update webhook_resumption set after_attempt = 1000000"),
    (
        "operator_action_on_webhook",
        "update operator_action set subject_webhook_id = '0303030303030303' where action_kind > 3",
    ),
    ("operator_action_says_on_what", "update operator_action set action_kind = 4"),
    (
        "operator_action_says_on_what",
        "update operator_action set subject_webhook_id = null where action_kind = 5",
    ),
];
