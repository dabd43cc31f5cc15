//! Partitions and what is said of archived ones: as much as headers and seals say.

use super::Auditor;
use super::fault::{FaultKind, Row, Stop};
use crate::column::Columns;

impl Auditor<'_> {
    /// Partitions follow each other up to the open epoch; each is here as it was made, or archived.
    pub(super) async fn partitions(&mut self) -> Result<(), Stop> {
        let wrong = sqlx::query_scalar!(
            r#"select exists (
                select from (
                    select *, lag(last_epoch, 1, 0::bigint) over in_order as before,
                        lead(first_epoch) over in_order as next
                    from transfer_partition window in_order as (order by first_epoch)
                ) p
                full join (
                    select c.relname, pg_get_expr(c.relpartbound, c.oid) as bound
                    from pg_inherits join pg_class c on c.oid = inhrelid
                    where inhparent = 'transfer'::regclass
                ) here on here.relname = format('transfer_%s', p.first_epoch)
                left join archived_range r on r.first_epoch = p.first_epoch
                where p.first_epoch is distinct from p.before + 1
                    or p.next is null and p.last_epoch < (select max(epoch_number) from epoch)
                    or case when r.first_epoch is null
                        then here.bound is distinct from format('FOR VALUES FROM (%L) TO (%L)',
                            p.first_epoch::text, (p.last_epoch + 1)::text)
                        else here.bound is not null or r.last_epoch <> p.last_epoch
                    end
            ) as "wrong!""#
        )
        .fetch_one(&mut *self.tx)
        .await?;
        Row::Table("transfer_partition").check(!wrong, FaultKind::DiffersFromSource)
    }

    /// Archived ranges follow each other, each up to the seal of its last epoch, with as many transfers as
    /// its blocks say, and the balances that the books under that seal have.
    pub(super) async fn archived(&mut self) -> Result<(), Stop> {
        let wrong = sqlx::query_scalar!(
            r#"select r.first_epoch as "first_epoch!" from (
                select *, lag(last_epoch, 1, 0::bigint) over in_order as epoch_before,
                    lag(last_block, 1, 0::bigint) over in_order as block_before
                from archived_range window in_order as (order by first_epoch)
            ) r
            where (r.first_epoch, r.first_block) <> (epoch_before + 1, block_before + 1)
                or not exists (
                    select from epoch_seal s join journal_block b on b.block_number = s.last_block
                    where s.epoch_number = r.last_epoch
                        and (b.block_number, b.block_hash) = (r.last_block, r.last_block_hash)
                ) or transfer_count <> (
                    select coalesce(sum(transfer_count), 0) from journal_block
                    where block_number between r.first_block and r.last_block
                ) or exists (select from epoch_books where epoch_number = r.last_epoch) and exists (
                    select from (select * from epoch_balance where epoch_number = r.last_epoch) b
                    full join (
                        select * from archived_balance where first_epoch = r.first_epoch
                    ) a using (account_id)
                    where (a.debits, a.credits, a.version, a.last_block)
                        is distinct from (b.debits, b.credits, b.transfer_count, b.last_block)
                )
            union all
            select first_epoch from archived_balance
            where first_epoch not in (select first_epoch from archived_range)
            union all
            select first_epoch from archived_balance group by first_epoch, account_id
                having count(*) > 1
            order by 1 limit 1"#
        )
        .fetch_optional(&mut *self.tx)
        .await?;
        match wrong {
            None => Ok(()),
            Some(first) => {
                let epoch = Columns("archived_range").epoch(first)?;
                Err(Row::ArchivedRange(epoch).is(FaultKind::DiffersFromSource))
            }
        }
    }
}
