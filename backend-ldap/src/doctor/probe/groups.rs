//! The group of a probe: made empty, filled, emptied, and what its members say of it.

use std::sync::Arc;

use scim_core::query::Select;
use scim_core::store::{StoreError, StoreErrorKind};

use crate::ldap::{Dn, Entry};
use crate::mapping::{LinkColumn, Mapping};
use crate::member_of::MEMBER_OF;
use crate::profile::Kept;
use crate::settings::MemberOf;

use super::super::report::Finding;
use super::Ground;
use super::hand::{Hand, Made};
use super::made::{document, places};
use super::users::Pair;
use super::words::{failed, failed_at};

/// A group and what holds its members.
pub(super) struct Members {
    pub(super) group: Made,
    pub(super) column: LinkColumn,
}

/// What a group holds of a member: the name of its entry, or its user name.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Member {
    Dn(Dn),
    Name(String),
}

/// All that a group's entry holds as members.
pub(super) struct Held(Vec<Member>);

impl Held {
    fn of(entry: &Entry, column: &LinkColumn) -> Held {
        let texts = entry.texts(&column.name);
        Held(match column.by_name {
            true => texts.map(|text| Member::Name(text.to_owned())).collect(),
            // Behind the name of an entry may stand a unique identifier (uniqueMember), which we never write.
            false => texts.filter_map(|text| Dn::parse(text).ok()).map(Member::Dn).collect(),
        })
    }

    pub(super) fn has(&self, member: &Member) -> bool {
        self.0.contains(member)
    }
}

impl Members {
    /// Looks at the group until its members are as wanted, for a moment. Did they become so?
    pub(super) async fn settle(&self, hand: &Hand<'_>, wanted: impl Fn(&Held) -> bool) -> Result<bool, StoreError> {
        hand.becomes(&self.group, &self.column.name, |entry| wanted(&Held::of(entry, &self.column))).await
    }

    /// Makes these users members, who may be so already.
    pub(super) async fn join(&self, hand: &Hand<'_>, users: &[&Made]) -> Result<(), Finding> {
        let joined = hand.link(&self.group, &self.column, users, true).await;
        joined.map_err(|error| failed("a user cannot become a member of a group", self.base(), &error))
    }

    async fn leave(&self, hand: &Hand<'_>, users: &[&Made]) -> Result<(), Finding> {
        let left = hand.link(&self.group, &self.column, users, false).await;
        left.map_err(|error| failed("the members of a group cannot be removed", self.base(), &error))
    }

    /// The group cannot be looked at.
    pub(super) fn unread(&self, error: &StoreError) -> Finding {
        failed("a group cannot be read", self.base(), error)
    }

    fn base(&self) -> &Dn {
        &self.group.mapping.place.base
    }
}

impl Ground<'_> {
    /// Where a document would stand, and nobody does.
    pub(super) async fn free(
        &self,
        hand: &Hand<'_>,
        mapping: &Mapping,
        document: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<Vec<Dn>, Finding> {
        let places = places(mapping, document);
        for dn in &places {
            let taken = hand.is_there(dn).await;
            if taken
                .map_err(|error| failed_at("what stands below the base cannot be read", &mapping.place.base, error))?
            {
                return Err(Finding::problem(format!("probe: there is an entry {dn} already"), "run it again"));
            }
        }
        Ok(places)
    }

    /// What a group holds of a user; None where there is no group, and the name of the entry then.
    pub(super) async fn value_of(
        &self,
        hand: &Hand<'_>,
        user: &Made,
        members: Option<&Members>,
    ) -> Result<Member, StoreError> {
        if members.is_some_and(|members| members.column.by_name) {
            let at = self.users.columns.iter().find(|own| own.at.attr().name == "userName");
            let name = at.map(|own| own.name.clone()).ok_or(StoreErrorKind::NotFound)?;
            let entry = hand.look(user, vec![name.clone()]).await?;
            return Ok(Member::Name(entry.text(&name).unwrap_or_default().to_owned()));
        }
        Ok(Member::Dn(hand.look(user, Vec::new()).await?.dn))
    }

    /// Makes a group without members, where groups have members that can be written.
    pub(super) async fn make_group(
        &self,
        hand: &mut Hand<'_>,
        groups: &Arc<Mapping>,
        found: &mut Vec<Finding>,
    ) -> Result<Option<Members>, Finding> {
        hand.go_on()?;
        let user = &self.users.rt.kind;
        let holds =
            |column: &&LinkColumn| column.write && column.link.multi_valued() && column.link.kinds.contains(user);
        let Some(column) = groups.links.iter().find(holds).cloned() else { return Ok(None) };
        let document = document(&self.chance.name('g'), None);
        let places = self.free(hand, groups, &document).await?;
        let base = &groups.place.base;
        let made = hand.create(groups, self.chance.id('g'), document, places).await;
        let group = made.map_err(|error| failed("a group cannot be made", base, &error))?;
        let members = Members { group, column };
        let name = &members.column.name;
        let entry = hand.look(&members.group, vec![name.clone()]).await;
        let entry = entry.map_err(|error| failed("a group that was made is not found", base, &error))?;
        let standing = entry.texts(name).collect::<Vec<_>>().join("; ");
        found.push(match standing.is_empty() {
            true => Finding::good("probe: a group is made, and may be empty"),
            false => Finding::note(format!(
                "probe: a group is made, and cannot be empty: {name} holds {standing} for nobody"
            )),
        });
        Ok(Some(members))
    }

    /// Lets both be members and no longer, looks what they say of it, and leaves them members.
    pub(super) async fn join(
        &self,
        hand: &Hand<'_>,
        pair: &Pair,
        members: &Members,
        found: &mut Vec<Finding>,
    ) -> Result<(), Finding> {
        hand.go_on()?;
        let both = [&pair.0, &pair.1];
        members.join(hand, &both).await?;
        let base = members.base();
        let cannot = |error| failed("a member cannot be read", base, &error);
        let values = (
            self.value_of(hand, &pair.0, Some(members)).await.map_err(cannot)?,
            self.value_of(hand, &pair.1, Some(members)).await.map_err(cannot)?,
        );
        let there = members.settle(hand, |all| all.has(&values.0) && all.has(&values.1)).await;
        let there = there.map_err(|error| members.unread(&error))?;
        hand.go_on()?;
        if !there {
            let what = format!("probe: a group does not show in {} who was added to it", members.column.name);
            return Err(Finding::problem(what, format!("let the account of store.ldap.bind_dn read it below {base}")));
        }
        let group = hand.look(&members.group, Vec::new()).await.map_err(|error| members.unread(&error))?.dn;
        let says = |entry: &Entry| entry.texts(&MEMBER_OF).any(|text| Dn::parse(text).is_ok_and(|dn| dn == group));
        let said = self.features.member_of && hand.becomes(&pair.0, &MEMBER_OF, says).await.map_err(cannot)?;
        hand.go_on()?;
        members.leave(hand, &both).await?;
        let gone = !said || hand.becomes(&pair.0, &MEMBER_OF, |entry| !says(entry)).await.map_err(cannot)?;
        hand.go_on()?;
        if !members.column.by_name {
            found.push(self.member_of(said, gone));
        }
        let select = Select::bare().with_link(&members.column.link);
        let shown = hand.read(&members.group, select).await.map_err(|error| members.unread(&error))?;
        let left = shown.links(&members.column.link.at).len();
        found.push(match left {
            0 => Finding::good("probe: users become members of a group, and leave it, the last one too"),
            left => Finding::problem(
                format!("probe: {left} members are shown of a group that everybody left"),
                "set store.ldap.groups.placeholder to the entry that stands there for nobody",
            ),
        });
        members.join(hand, &both).await
    }

    /// What `memberOf` of a member says, against what is believed of it.
    fn member_of(&self, said: bool, gone: bool) -> Finding {
        let asked = self.settings.member_of;
        let kept = &self.profile.member_of;
        match (said, gone) {
            (true, true) => match (asked, kept) {
                (MemberOf::Never, _) => Finding::good(
                    "probe: memberOf follows the members of groups, though store.ldap.member_of = \"never\"",
                ),
                (_, Kept::By(_)) | (MemberOf::Always, _) => {
                    Finding::good("probe: memberOf follows the members of groups")
                }
                (MemberOf::Auto, _) => Finding::note(
                    "probe: memberOf follows the members of groups, which the directory's configuration does not tell this account: \
                     where that holds for all groups, store.ldap.member_of = \"always\" spares searches",
                ),
            },
            (true, false) => Finding::warning(
                "probe: memberOf still names a group that a user has left",
                "look at the memberOf overlay or plug-in, and at whether store.ldap.bind_dn may see that; store.ldap.member_of = \
                 \"never\" does without it",
            ),
            (false, _) => match (asked, kept) {
                (MemberOf::Always, _) => Finding::problem(
                    "probe: memberOf of a member does not name its group, and store.ldap.member_of = \"always\" relies on it",
                    "set store.ldap.member_of = \"auto\", or let the directory keep memberOf for the class of these groups",
                ),
                (MemberOf::Auto, Kept::By(how)) => Finding::warning(
                    format!("probe: memberOf of a member does not name its group, though it is kept by {how}"),
                    "let that see to the class and the attribute of these groups, and store.ldap.bind_dn read memberOf",
                ),
                _ => Finding::note(
                    "probe: memberOf of a member does not name its group: groups of users are searched for",
                ),
            },
        }
    }
}
