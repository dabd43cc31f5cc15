//! Writes `docs/schema.md`: `netfold postgres --state FOLDER -- cargo run --release -p ledger --example
//! schema`. The database is made for it on the server of `DATABASE_URL`, and removed again.

mod document;
mod prose;

use std::error::Error;
use std::path::Path;

use ledger::{Ledger, database};
use sqlx::{Connection as _, PgConnection};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = std::env::var("DATABASE_URL")?;
    let name = format!("schema_document_{}", std::process::id());
    let url = database::create(&server, &name).await?;
    let page = write(&url).await;
    database::remove(&server, &name).await?;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema.md");
    std::fs::write(file, page?)?;
    Ok(())
}

async fn write(url: &str) -> Result<String, Box<dyn Error>> {
    Ledger::migrate(url).await?;
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
    let mut connection = PgConnection::connect(url).await?;
    let page = document::document(&mut connection, &prose::Prose::read(&migrations)?).await?;
    connection.close().await?;
    Ok(page)
}
