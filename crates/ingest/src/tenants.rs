//! Names of tenants, which events carry and rows do not. A name never changes, so it is read once.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use db::{Conn, DbError, sql};
use delivery::Tenant;
use diesel::sql_types::Text;

/// The names known so far. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tenants(Arc<RwLock<HashMap<i64, Arc<str>>>>);

#[derive(diesel::QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

impl Tenants {
    /// The tenant of a row that is there.
    pub(crate) fn named(&self, conn: &mut Conn, id: i64) -> Result<Tenant, DbError> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(name) = known.get(&id).cloned() {
            return Ok(Tenant { id, name });
        }
        drop(known);
        let found: Name = conn.one(sql("SELECT name FROM tenants WHERE id = ?").bind(id))?;
        let name: Arc<str> = found.name.into();
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(id, Arc::clone(&name));
        Ok(Tenant { id, name })
    }

    /// The names of these tenants; one that is not there has none.
    pub(crate) fn names(
        &self,
        conn: &mut Conn,
        ids: &[i64],
    ) -> Result<HashMap<i64, Arc<str>>, DbError> {
        let mut names = HashMap::new();
        // 0 stands for those that are counted together.
        for id in ids.iter().filter(|id| **id > 0) {
            if !names.contains_key(id) {
                names.insert(*id, self.named(conn, *id)?.name);
            }
        }
        Ok(names)
    }
}
