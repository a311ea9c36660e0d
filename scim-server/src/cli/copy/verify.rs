//! The second pass of a copy: both sides are read, and must say the same.

use anyhow::{Result, bail, ensure};
use futures_util::StreamExt;
use scim_core::change::SecretEdit;
use scim_core::query::Select;
use scim_core::schema::ResourceType;
use scim_core::store::control::ControlStore;
use scim_core::store::{Record, Scan};
use secrecy::ExposeSecret;

use super::resources::secrets;
use super::{NOTES, Tenant, everything};

impl Tenant<'_> {
    /// Compares every resource with all that belongs to it; says how many there are.
    pub(super) async fn verify(&self) -> Result<u64> {
        let mut count = 0;
        for kind in self.types {
            let mut own = 0;
            self.walk(kind, &everything(kind), async |records| {
                own += records.len() as u64;
                self.compare(kind, &records).await
            })
            .await?;
            let there = self.count(kind).await?;
            ensure!(
                own == there,
                "the source has {own} resources of type {}, the target {there}: delete the tenant there and copy it again",
                kind.kind
            );
            count += own;
        }
        Ok(count)
    }

    async fn compare(&self, kind: &ResourceType, records: &[Record]) -> Result<()> {
        let there = self.there(kind, records, &everything(kind)).await?;
        for record in records {
            match there.get(&record.key.id) {
                Some(found) if found == record => {}
                Some(_) => bail!("{} {} differs in the target", kind.kind, record.key.id),
                None => bail!("{} {} is not in the target", kind.kind, record.key.id),
            }
        }
        let here = secrets(self, self.from, kind, records).await?;
        let there = secrets(self, self.to, kind, records).await?;
        for ((record, one), other) in records.iter().zip(&here).zip(&there) {
            ensure!(same(one, other), "a secret of {} {} differs in the target", kind.kind, record.key.id);
        }
        Ok(())
    }

    /// How many resources of a type the target has.
    async fn count(&self, kind: &ResourceType) -> Result<u64> {
        let scan = Scan { kind: kind.kind.clone(), filter: None, select: Select::bare() };
        let mut records = self.to.scan(&self.scope, scan);
        let mut count = 0;
        while let Some(record) = records.next().await {
            record?;
            count += 1;
        }
        Ok(count)
    }
}

fn same(one: &[SecretEdit], other: &[SecretEdit]) -> bool {
    let text = |edit: &SecretEdit| edit.value.as_ref().map(|value| value.expose_secret().to_owned());
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| a.at == b.at && text(a) == text(b))
}

/// Compares what is not a resource. The target may have more tenants, which it had before.
pub(super) async fn control(source: &dyn ControlStore, target: &dyn ControlStore) -> Result<()> {
    for row in source.tenants().await? {
        ensure!(target.tenant(&row.id).await?.as_ref() == Some(&row), "the tenant {} differs in the target", row.id);
        let (here, there) = (source.credentials(Some(&row.id)).await?, target.credentials(Some(&row.id)).await?);
        ensure!(here == there, "the tokens of the tenant {} differ in the target", row.id);
    }
    for name in NOTES {
        let (here, there) = (source.note(name).await?, target.note(name).await?);
        ensure!(here.is_none() || here == there, "the server's own value {name} differs in the target");
    }
    Ok(())
}
