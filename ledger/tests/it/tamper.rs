//! What somebody does who can switch guards off, and how it is undone: faster than a database for each.

use ledger::AuditReport;
use sqlx::AssertSqlSafe;

use crate::world::World;

/// A world whose triggers are off, foreign keys among them.
pub(crate) struct Unguarded<'w> {
    pub(crate) world: &'w World,
}

impl<'w> Unguarded<'w> {
    /// Switches the triggers off and keeps a copy of every row.
    pub(crate) async fn new(world: &'w World) -> Self {
        let unguarded = Self { world };
        unguarded
            .run(
                "create schema kept;
                do $$ declare one record; begin
                    for one in select relname as name from pg_class where relkind in ('r', 'p')
                        and relnamespace = 'public'::regnamespace
                    loop
                        execute format('alter table %I disable trigger all', one.name);
                        execute format('create table kept.%I as table %I', one.name, one.name);
                    end loop;
                end $$",
            )
            .await;
        unguarded
    }

    /// As the superuser.
    pub(crate) async fn run(&self, script: &str) {
        let done = sqlx::raw_sql(AssertSqlSafe(script.to_owned())).execute(&self.world.raw).await;
        done.unwrap_or_else(|error| panic!("{script}: {error}"));
    }

    /// What an audit reports after a statement, which is undone.
    pub(crate) async fn audit_after(&self, tamper: &str) -> AuditReport {
        let done = sqlx::raw_sql(AssertSqlSafe(tamper.to_owned())).execute(&self.world.raw).await;
        let done = done.unwrap_or_else(|error| panic!("{tamper}: {error}"));
        assert!(done.rows_affected() > 0, "nothing to tamper with: {tamper}");
        let report = self.world.audit().await;
        assert_eq!(report.drift, u64::from(report.first_fault.is_some()));
        for statement in tamper.split(';') {
            let words: Vec<&str> = statement.split_whitespace().take(3).collect();
            self.restore(if words[0] == "update" { words[1] } else { words[2] }).await;
        }
        report
    }

    /// Puts a table's rows back.
    pub(crate) async fn restore(&self, table: &str) {
        let columns = self.columns(table).await.join(", ");
        self.run(&format!(
            "delete from {table};
            insert into {table} ({columns}) select {columns} from kept.{table}"
        ))
        .await;
    }

    /// Those that Postgres does not compute itself.
    pub(crate) async fn columns(&self, table: &str) -> Vec<String> {
        sqlx::query_scalar(
            "select column_name::text from information_schema.columns
            where table_schema = 'public' and table_name = $1 and is_generated = 'NEVER'
            order by ordinal_position",
        )
        .bind(table)
        .fetch_all(&self.world.raw)
        .await
        .unwrap()
    }
}
