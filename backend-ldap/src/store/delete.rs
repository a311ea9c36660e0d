//! An entry goes, and with it every reference to it.

use scim_core::change::{Effect, Expect, Outcome};
use scim_core::query::Select;
use scim_core::store::{ResourceId, Result, StoreErrorKind};

use crate::ldap::{Code, Dn, Filter, Operation, Request, Search, controls};

use super::brakes::Loss;
use super::commit::Work;
use super::create::placeholder;
use super::membership::moved;
use super::read::{asserted, version};
use super::result::of_write;

impl Work<'_> {
    /// Deletes an entry.
    pub(super) async fn delete(&self, id: ResourceId, expect: &Expect) -> Result<Outcome> {
        let entry = self.find(&id, &Select::bare()).await?;
        let version = version(self.mapping, &entry);
        if !expect.holds(&version) {
            return Err(StoreErrorKind::Stale.into());
        }
        let mut request = Request::from(Operation::Delete { target: (&entry.dn).into() });
        if let (Expect::Version(_), true) = (expect, self.inner.features.assertion)
            && let Some((name, text)) = asserted(self.mapping, &version)
        {
            let filter = Filter::equal(name, text.to_owned());
            request = request.with(controls::assertion(&filter).map_err(|error| error.during("assert"))?);
        }
        self.shadowed(&[&request])?;
        self.inner.brakes.pass(&self.scope.tenant, Loss::Deletes, 1)?;
        match self.send(request).await {
            Ok(_) => {}
            Err(error) if error.code() == Some(Code::ASSERTION_FAILED) => return Err(StoreErrorKind::Stale.into()),
            Err(error) => return Err(of_write(self.mapping, None, error, "delete an entry")),
        }
        self.follow(&entry.dn, None).await;
        Ok(Outcome { id, version, effect: Effect::Deleted, record: None, filled: false })
    }

    /// Lets every reference to an entry follow it to its new name, or go with it, where the directory does not see to
    /// that. What fails here is told in the log: the write itself is done.
    pub(super) async fn follow(&self, old: &Dn, new: Option<&Dn>) {
        if self.inner.features.integrity {
            return;
        }
        let own = &self.mapping.rt.kind;
        for holder in self.tenant.mappings() {
            let columns = holder.links.iter().filter(|column| column.link.kinds.contains(own) && !column.by_name);
            for column in columns {
                let refers = Filter::equal(column.name.clone(), old.as_str().to_owned());
                let filter = Filter::all([holder.place.filter.clone(), refers]);
                let place = &holder.place;
                let search = Search::new(place.base.clone(), place.reach, filter, Vec::new());
                let mut walk = self.inner.directory.walk(&self.call, search, self.inner.settings.page);
                loop {
                    let page = match walk.next().await {
                        Ok(Some(page)) => page,
                        Ok(None) => break,
                        Err(error) => {
                            tracing::error!(%old, %error, "references to an entry that is gone could not be found");
                            break;
                        }
                    };
                    for entry in page {
                        let changes = moved(&column.name, old, new);
                        let modify = Operation::Modify { target: (&entry.dn).into(), changes: changes.clone() };
                        let mut done = self.send(modify.into()).await;
                        if done.as_ref().is_err_and(|error| error.code() == Some(Code::OBJECT_CLASS_VIOLATION)) {
                            let mut changes = changes;
                            changes.push(crate::ldap::Change::Add(column.name.clone(), vec![placeholder(column)]));
                            done = self.send(Operation::Modify { target: (&entry.dn).into(), changes }.into()).await;
                        }
                        if let Err(error) = done
                            && error.code() != Some(Code::NO_SUCH_ATTRIBUTE)
                        {
                            tracing::error!(holder = %entry.dn, %old, %error, "a reference to an entry that is gone stays");
                        }
                    }
                }
            }
        }
    }
}
