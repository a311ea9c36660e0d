//! Users of a probe: made, found, changed, renamed and deleted.

use scim_core::query::Select;
use scim_core::store::{StoreErrorKind, Version};

use crate::ldap::{Change, Code, Entry, Filter, LdapError, Operation, Request, controls};
use crate::profile::Integrity;
use crate::store::asserted;

use super::super::checks;
use super::super::report::Finding;
use super::Ground;
use super::groups::Members;
use super::hand::{By, Hand, Made};
use super::made::{active, changed, document};
use super::words::{failed, failed_at};

/// The two users of a probe: of the first the directory is left to bring references along, of the second the gateway does it.
pub(super) type Pair = (Made, Made);

impl Ground<'_> {
    /// Makes both, and looks whether they are found.
    pub(super) async fn make_users(&self, hand: &mut Hand<'_>, found: &mut Vec<Finding>) -> Result<Pair, Finding> {
        let pair = (self.make_user(hand, 'a').await?, self.make_user(hand, 'b').await?);
        let base = &self.users.place.base;
        let shown = hand.read(&pair.0, Select::document()).await;
        let shown = shown.map_err(|error| failed("a user that was made is not shown", base, &error))?;
        let id = &self.users.id.name;
        found.push(Finding::good(format!("probe: a user is made, has an id ({id}), and is found by it")));
        if active(&self.users).is_some() {
            let inactive = shown.document.parse().get("active") == Some(&false.into());
            found.push(match inactive {
                true => Finding::good("probe: a user who is made inactive is so"),
                false => Finding::problem(
                    "probe: a user who is made inactive is shown as active",
                    "let the account of store.ldap.bind_dn read and write what store.ldap.users.active names",
                ),
            });
        }
        Ok(pair)
    }

    async fn make_user(&self, hand: &mut Hand<'_>, letter: char) -> Result<Made, Finding> {
        hand.go_on()?;
        let document = document(&self.chance.name(letter), active(&self.users));
        let places = self.free(hand, &self.users, &document).await?;
        let made = hand.create(&self.users, self.chance.id(letter), document, places).await;
        made.map_err(|error| failed("a user cannot be made", &self.users.place.base, &error))
    }

    /// Changes one of them, and looks whether the version holds what it promises.
    pub(super) async fn change(&self, hand: &Hand<'_>, user: &Made, found: &mut Vec<Finding>) -> Result<(), Finding> {
        hand.go_on()?;
        let base = &self.users.place.base;
        let Some((then, name)) = changed(&self.users, &user.document) else { return Ok(()) };
        let cannot = |error| failed("a user cannot be changed", base, &error);
        let before = hand.read(user, Select::document()).await.map_err(cannot)?.version;
        hand.write(By::Gateway, user, &then, before.clone()).await.map_err(cannot)?;
        found.push(match hand.write(By::Gateway, user, &user.document, before.clone()).await {
            Err(error) if matches!(error.kind, StoreErrorKind::Stale) => {
                Finding::good("probe: a change of an older version is refused (If-Match)")
            }
            Err(error) => return Err(cannot(error)),
            Ok(_) => Finding::problem(
                format!(
                    "probe: a change of an older version is done all the same: {name} changed and the version did not"
                ),
                "let the account of store.ldap.bind_dn read entryCSN or modifyTimestamp, or what stands for them",
            ),
        });
        let entry = hand.look(user, vec![name.clone()]).await.map_err(cannot)?;
        let same = Operation::Modify {
            target: (&entry.dn).into(),
            changes: vec![Change::Replace(name.clone(), entry.values(&name).to_vec())],
        };
        if self.features.assertion {
            found.push(self.assertion(hand, same.clone(), &before).await?);
        }
        found.push(self.post_read(hand, same).await?);
        Ok(())
    }

    /// Does the directory itself refuse to write where what is asserted does not hold?
    async fn assertion(&self, hand: &Hand<'_>, same: Operation, before: &Version) -> Result<Finding, Finding> {
        let (id, base) = (&self.users.id.name, &self.users.place.base);
        let untrue = match asserted(&self.users, before) {
            Some((name, text)) => Filter::equal(name, text.to_owned()),
            None => Filter::negate(Filter::present(id.clone())),
        };
        let control = controls::assertion(&untrue);
        let control = control.map_err(|error| failed_at("an assertion cannot be made", base, error))?;
        match hand.directory.perform(&hand.call(), &Request::from(same).with(control)).await {
            Err(LdapError::Refused(result)) if result.code == Code::ASSERTION_FAILED => {
                Ok(Finding::good("probe: the directory itself refuses a write whose assertion does not hold"))
            }
            Err(error) => Err(failed_at("a write with an assertion cannot be made", base, error)),
            Ok(_) => Ok(Finding::problem(
                "probe: the directory writes although what is asserted does not hold: two clients can overwrite each other",
                "look for the assertion control (1.3.6.1.1.12) in the directory's configuration, or in that of a proxy before it",
            )),
        }
    }

    /// Does a write answer with the entry as it has become?
    async fn post_read(&self, hand: &Hand<'_>, same: Operation) -> Result<Finding, Finding> {
        if !self.features.post_read {
            return Ok(Finding::note(
                "probe: what is written is read again: the directory does not answer with it (post-read)",
            ));
        }
        let id = &self.users.id.name;
        let request = Request::from(same).with(controls::post_read(std::slice::from_ref(id)));
        let answer = hand.directory.perform(&hand.call(), &request).await;
        let answer = answer.map_err(|error| failed_at("a user cannot be changed", &self.users.place.base, error))?;
        let shown = controls::read_entry(&answer.result.controls, controls::POST_READ).ok().flatten();
        Ok(match shown.filter(|entry: &Entry| self.users.id_of(entry).is_some()) {
            Some(_) => Finding::good("probe: a write answers with the entry as it has become (post-read)"),
            None => Finding::warning(
                "probe: the directory lists post-read and does not answer with the entry: each write takes a read more",
                format!("let the account of store.ldap.bind_dn use the control {} and read {id}", controls::POST_READ),
            ),
        })
    }

    /// Renames both, and looks whether their group follows.
    pub(super) async fn rename(
        &self,
        hand: &mut Hand<'_>,
        pair: &mut Pair,
        members: Option<&Members>,
        found: &mut Vec<Finding>,
    ) -> Result<(), Finding> {
        for (by, user, letter) in [(By::Directory, &mut pair.0, 'c'), (By::Gateway, &mut pair.1, 'd')] {
            hand.go_on()?;
            let base = &self.users.place.base;
            let cannot = |error| failed("a user cannot be renamed", base, &error);
            // References by user name are nobody's but the gateway's.
            let by = if members.is_some_and(|members| members.column.by_name) { By::Gateway } else { by };
            let before = self.value_of(hand, user, members).await.map_err(cannot)?;
            let document = document(&self.chance.name(letter), active(&self.users));
            let places = self.free(hand, &self.users, &document).await?;
            hand.rename(by, user, document, places).await.map_err(cannot)?;
            let after = self.value_of(hand, user, members).await.map_err(cannot)?;
            if before == after {
                // What can be written of it is not what its entry is called by.
                continue;
            }
            let Some(members) = members else {
                found.extend((by == By::Gateway).then(|| Finding::good("probe: a user is renamed")));
                continue;
            };
            let followed = members.settle(hand, |all| all.has(&after) && !all.has(&before)).await;
            let followed = followed.map_err(|error| members.unread(&error))?;
            hand.go_on()?;
            found.extend(self.told(by, members, followed, "renamed", "follows to its new name"));
        }
        Ok(())
    }

    /// Deletes both, and looks whether they leave their group.
    pub(super) async fn delete(
        &self,
        hand: &mut Hand<'_>,
        pair: &Pair,
        members: Option<&Members>,
        found: &mut Vec<Finding>,
    ) -> Result<(), Finding> {
        for (by, user) in [(By::Directory, &pair.0), (By::Gateway, &pair.1)] {
            hand.go_on()?;
            let cannot = |error| failed("a user cannot be deleted", &self.users.place.base, &error);
            let by = if members.is_some_and(|members| members.column.by_name) { By::Gateway } else { by };
            if let Some(members) = members {
                // One that lost its old name and did not get its new one is a member no longer.
                members.join(hand, &[user]).await?;
            }
            let value = self.value_of(hand, user, members).await.map_err(cannot)?;
            hand.delete(by, user).await.map_err(cannot)?;
            let Some(members) = members else { continue };
            let gone = members.settle(hand, |all| !all.has(&value)).await;
            let gone = gone.map_err(|error| members.unread(&error))?;
            hand.go_on()?;
            found.extend(self.told(by, members, gone, "deleted", "leaves its group"));
        }
        found.push(Finding::good("probe: a user is deleted"));
        Ok(())
    }

    /// What became of the reference to a user, against what the directory says it does.
    fn told(&self, by: By, members: &Members, right: bool, done: &str, does: &str) -> Option<Finding> {
        let name = &members.column.name;
        let base = &members.group.mapping.place.base;
        let claimed = self.features.integrity.has(name, base, &self.users.place.base);
        Some(match (by, right, claimed) {
            (By::Gateway, true, _) => {
                Finding::good(format!("probe: a member that is {done} through the gateway {does} ({name})"))
            }
            (By::Gateway, false, false) => Finding::problem(
                format!("probe: of a member that is {done} through the gateway the old {name} stays in its group"),
                format!(
                    "give the account of store.ldap.bind_dn the right to search and write {name} of entries below {base}"
                ),
            ),
            // It is left to the directory, of which it was said already.
            (By::Gateway, false, true) => return None,
            (By::Directory, true, true) => {
                Finding::good(format!("probe: a member that is {done} {does} by the directory's own doing ({name})"))
            }
            (By::Directory, true, false) => Finding::note(format!(
                "probe: a member that is {done} {does} by the directory's own doing ({name}), which its configuration does not tell this \
                 account: the gateway looks for such references all the same"
            )),
            (By::Directory, false, true) => Finding::problem(
                format!(
                    "probe: of a member that is {done} the old {name} stays in its group, though the directory's configuration says that it \
                     sees to that, and the gateway relies on it"
                ),
                "restart the directory after changes of its refint overlay or plug-in, and look at its log; else take it out of its \
                 configuration, so that the gateway does it",
            ),
            (By::Directory, false, false) => {
                let what = format!(
                    "probe: of a member that is {done} by others than the gateway the old {name} stays in its group"
                );
                match &self.profile.integrity {
                    Integrity::Unknown | Integrity::Not => Finding::warning(what, checks::integrity_mend(self.profile)),
                    _ => Finding::warning(what, format!("let it see to {name} below {base} too")),
                }
            }
        })
    }
}
