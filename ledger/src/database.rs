//! Databases of a server: made for a ledger, and removed again.

use alloy_primitives::hex;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::connection::{MIGRATOR, options};
use crate::{Error, Ledger, hash};

/// Creates database `name` on the server of `url` and returns its address. One that exists is left
/// as it is.
///
/// # Errors
/// [`Error::BadUrl`], [`Error::LoginRefused`], [`Error::NoDatabase`] (the one that `url` itself
/// names), [`Error::Unreachable`], or [`Error::PermissionDenied`].
pub async fn create(url: &str, name: &str) -> Result<String, Error> {
    create_like(url, name, None).await
}

async fn create_like(url: &str, name: &str, template: Option<&str>) -> Result<String, Error> {
    let mut connection = connect(url).await?;
    let template = template.map(|template| format!(" template {}", quoted(template)));
    let statement = format!("create database {}{}", quoted(name), template.unwrap_or_default());
    let created = sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await;
    connection.close().await?;
    match created {
        Err(sqlx::Error::Database(refusal)) if refusal.code().as_deref() == Some("42P04") => {}
        created => {
            created?;
        }
    }
    address(url, name)
}

/// Creates database `name` with the schema in it, and returns its address: a copy of a template that is made
/// the first time and stays on the server, since to copy one takes a tenth of what migrating takes. For whoever
/// needs many. One that exists is left as it is.
///
/// # Errors
/// As [`create`]; [`Error::Migration`] for the template.
pub async fn create_migrated(url: &str, name: &str) -> Result<String, Error> {
    let mut connection = connect(url).await?;
    let template = template_name();
    // One makes it, however many ask. The lock goes with the connection.
    sqlx::query("select pg_advisory_lock($1)").bind(TEMPLATE_LOCK).execute(&mut connection).await?;
    let ready = "select exists (select from pg_database where datname = $1 and datistemplate)";
    let ready: bool = sqlx::query_scalar(ready).bind(&template).fetch_one(&mut connection).await?;
    if !ready {
        // What was left half done is no template.
        remove(url, &template).await?;
        Box::pin(Ledger::migrate(&create(url, &template).await?)).await?;
        let finished = format!("alter database {} is_template true", quoted(&template));
        sqlx::query(AssertSqlSafe(finished)).execute(&mut connection).await?;
    }
    connection.close().await?;
    create_like(url, name, Some(&template)).await
}

/// Named by what its migrations are, so that those of another version have another one.
fn template_name() -> String {
    let checksums: Vec<u8> = MIGRATOR.iter().flat_map(|one| one.checksum.iter().copied()).collect();
    let digest = hash::bytes(&checksums);
    format!("netfold_template_{}", hex::encode(digest.get(..8).unwrap_or_default()))
}

/// Removes database `name` from the server of `url`, ending whatever is connected to it.
///
/// # Errors
/// As [`create`].
pub async fn remove(url: &str, name: &str) -> Result<(), Error> {
    let mut connection = connect(url).await?;
    let statement = format!("drop database if exists {} with (force)", quoted(name));
    let removed = sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await;
    connection.close().await?;
    removed?;
    Ok(())
}

/// Makes the ledger's roles on the server of `url`, for a database that is restored there.
///
/// # Errors
/// As [`create`]; [`Error::Migration`] if the login may not make them.
pub async fn make_roles(url: &str) -> Result<(), Error> {
    let mut connection = connect(url).await?;
    if let Some(roles) = MIGRATOR.iter().next() {
        sqlx::raw_sql(roles.sql.clone()).execute(&mut connection).await?;
    }
    connection.close().await?;
    Ok(())
}

/// Makes a role that can do nothing.
///
/// # Errors
/// As [`create`].
pub async fn make_role(url: &str, name: &str) -> Result<(), Error> {
    let mut connection = connect(url).await?;
    let statement = format!("create role {} nologin", quoted(name));
    sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

/// Takes everything out of the database of `url`.
///
/// # Errors
/// As [`create`].
pub async fn empty(url: &str) -> Result<(), Error> {
    let mut connection = connect(url).await?;
    let statement = "drop schema public cascade; create schema public";
    sqlx::raw_sql(statement).execute(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

async fn connect(url: &str) -> Result<PgConnection, Error> {
    PgConnection::connect_with(&options(url)?).await.map_err(Error::connecting)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The address with another database in it.
fn address(url: &str, name: &str) -> Result<String, Error> {
    options(url)?;
    let (place, query) = url.split_once('?').map_or((url, None), |(place, q)| (place, Some(q)));
    let authority = place.find("://").map_or(0, |start| start.saturating_add(3));
    let path = place.get(authority..).and_then(|rest| rest.find('/'));
    let server = path.and_then(|path| place.get(..authority.saturating_add(path)));
    let server = server.unwrap_or(place);
    Ok(match query {
        Some(query) => format!("{server}/{name}?{query}"),
        None => format!("{server}/{name}"),
    })
}

/// Held while a template is looked for and made; of the server's own database, not of a ledger's.
const TEMPLATE_LOCK: i64 = 0x6e65_7466_6f6c_6401;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_database_changes() {
        for (url, expected) in [
            ("postgres://me@localhost/one?host=/tmp/s", "postgres://me@localhost/two?host=/tmp/s"),
            ("postgres://me:pw@h:5433/one", "postgres://me:pw@h:5433/two"),
            ("postgres://h", "postgres://h/two"),
            ("postgres://h?sslmode=disable", "postgres://h/two?sslmode=disable"),
        ] {
            assert_eq!(address(url, "two").unwrap(), expected);
        }
        assert!(matches!(address("mysql://h/one", "two"), Err(Error::BadUrl(_))));
    }
}
