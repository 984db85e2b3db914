//! A store's database looked at without changing anything.

use super::{StoreError, database, known_schema};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use std::path::Path;

/// What a database says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Its last migration; 0: none was run.
    pub schema: i64,
    /// The last migration that this version knows.
    pub known: i64,
    /// What SQLite's `quick_check` found wrong, the first of it.
    pub damage: Option<String>,
}

/// Looks at the database of the store in `dir`, also while a server works on it; `None` when there is none yet.
///
/// # Errors
/// The file cannot be opened, or is no database.
pub async fn inspect(dir: &Path) -> Result<Option<Inspection>, StoreError> {
    let path = database(dir);
    if !path.is_file() {
        return Ok(None);
    }
    // Without a log of changes nobody has it open, and to read it SQLite would make one.
    let is_closed = !path.with_extension("sqlite-wal").exists();
    let options = SqliteConnectOptions::new().filename(path).read_only(true).immutable(is_closed);
    let mut connection = options.connect().await?;
    let found: String = sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&mut connection).await?;
    let damage = (found != "ok").then_some(found);
    let schema = schema(&mut connection).await?;
    connection.close().await?;
    Ok(Some(Inspection { schema, known: known_schema(), damage }))
}

async fn schema(connection: &mut SqliteConnection) -> Result<i64, StoreError> {
    let tables = "SELECT COUNT(*) FROM sqlite_schema WHERE name = '_sqlx_migrations'";
    if sqlx::query_scalar::<_, i64>(tables).fetch_one(&mut *connection).await? == 0 {
        return Ok(0);
    }
    let last = sqlx::query_scalar("SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations");
    Ok(last.fetch_one(connection).await?)
}
