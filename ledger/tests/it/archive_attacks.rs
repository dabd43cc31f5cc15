//! Attacks on the constraints of partitions and of the archive, for `constraints`.

/// A row of `archived_range` of these epochs and first block, up to block 16, with that file's length.
macro_rules! archived {
    ($range:literal, $length:literal) => {
        concat!(
            "insert into archived_range (first_epoch, last_epoch, first_block, last_block,
                last_block_hash, transfer_count, file_digest, file_length)
            select ",
            $range,
            ", 16, block_hash, 1, sha256('f'), ",
            $length,
            " from journal_block where block_number = 16;"
        )
    };
}

/// What each constraint refuses, on the rows of [`crate::life::live`]; in front what has to be there.
pub(crate) const ARCHIVE_ATTACKS: &[(&str, &str)] = &[
    (
        "transfer_partition_key",
        "insert into transfer_partition (first_epoch, last_epoch) values (1, 70)",
    ),
    (
        "transfer_partition_end_unique",
        "insert into transfer_partition (first_epoch, last_epoch) values (2, 64)",
    ),
    (
        "transfer_partition_has_epochs",
        "insert into transfer_partition (first_epoch, last_epoch) values (65, 64)",
    ),
    (
        "transfer_partition_continues",
        "insert into transfer_partition (first_epoch, last_epoch) values (66, 128)",
    ),
    ("archived_range_key", concat!(archived!("1, 64, 1", 1), archived!("1, 64, 1", 1))),
    ("archived_range_end_unique", concat!(archived!("1, 64, 1", 1), archived!("2, 64, 2", 1))),
    ("archived_range_of_partition", archived!("1, 63, 1", 1)),
    (
        "archived_range_continues",
        concat!(
            "insert into transfer_partition (first_epoch, last_epoch) values (65, 128);",
            archived!("65, 128, 17", 1)
        ),
    ),
    ("archived_range_first_has_no_past", archived!("1, 64, 2", 1)),
    (
        "archived_range_pins_the_journal",
        concat!(
            archived!("1, 64, 1", 1),
            "update archived_range set last_block_hash = sha256('x')"
        ),
    ),
    ("archived_range_numbers_in_bound", archived!("1, 64, 1", 0)),
    (
        "archived_balance_key",
        concat!(
            archived!("1, 64, 1", 1),
            "insert into archived_balance values (1, 4294967297, 1, 1, 1, 1), (1, 4294967297, 1, 1, 1, 1)"
        ),
    ),
    (
        "archived_balance_of_range",
        "insert into archived_balance values (1, 4294967297, 1, 1, 1, 1)",
    ),
    (
        "archived_balance_of_account",
        concat!(archived!("1, 64, 1", 1), "insert into archived_balance values (1, 7, 1, 1, 1, 1)"),
    ),
    ("archived_balance_moved", "insert into archived_balance values (1, 4294967297, 1, 1, 0, 1)"),
];
