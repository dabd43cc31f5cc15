//! The ledger's own books without its writer: a function in the database that decides a batch of one
//! transfer and books it, in one call.

use domain::{Batch, ExitTree, Word};
use rust_decimal::Decimal;
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use super::connect;
use crate::column::{asset_key, bigint, rollup_key, signature_bytes, word_bytes};
use crate::connection::writing;
use crate::{Error, Role};

/// Books batches of one transfer by one call each, past every constraint and guard, as the role that the api
/// has. It leaves the rows that the ledger leaves: an audit finds nothing to say.
#[derive(Debug)]
pub struct BookingFunction {
    connection: PgConnection,
}

impl BookingFunction {
    /// Makes the function.
    ///
    /// # Errors
    /// As [`crate::Ledger::connect`], or when Postgres fails.
    pub async fn create(url: &str) -> Result<(), Error> {
        let mut owner = connect(url).await?;
        sqlx::raw_sql(include_str!("booking_function.sql")).execute(&mut owner).await?;
        Ok(owner.close().await?)
    }

    /// A client of the function that was made.
    ///
    /// # Errors
    /// As [`crate::Ledger::connect`].
    pub async fn connect(url: &str) -> Result<Self, Error> {
        let options = writing(url, Role::Api)?;
        let connection = PgConnection::connect_with(&options).await.map_err(Error::connecting)?;
        Ok(Self { connection })
    }

    /// Books the next batch of its rollup, which has one transfer and no exits. The caller has verified it,
    /// and has its digest from there.
    ///
    /// # Errors
    /// When the function refuses it, or Postgres fails.
    pub async fn post(&mut self, batch: &Batch, digest: Word) -> Result<(), Error> {
        let parts = batch.parts();
        let ([transfer], [lane]) = (&parts.transfers[..], &parts.lanes[..]) else {
            return Err(Error::Corrupt { table: "batch" });
        };
        let no_exits: Vec<u8> =
            ExitTree::empty().waiting().iter().flat_map(|node| node.0).collect();
        sqlx::query(
            "select yardstick_books.post(
                $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        )
        .bind(rollup_key(batch.rollup()))
        .bind(bigint("height", batch.height().number())?)
        .bind(parts.previous_root.bytes().to_vec())
        .bind(parts.new_root.bytes().to_vec())
        .bind(parts.exit_root.bytes().to_vec())
        .bind(parts.body_digest().to_vec())
        .bind(word_bytes(digest))
        .bind(signature_bytes(&parts.signature))
        .bind(word_bytes(lane.word()))
        .bind(asset_key(transfer.asset))
        .bind(rollup_key(transfer.to))
        .bind::<Decimal>(transfer.atoms.to_decimal())
        .bind(transfer.recipient.to_vec())
        .bind(no_exits)
        .execute(&mut self.connection)
        .await?;
        Ok(())
    }
}
