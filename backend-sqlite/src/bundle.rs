//! Links as they lie in the database: some of one holder's in one row, as JSON, in ascending order of their targets
//! (`docs/decisions/0012-links-in-bundles.md`).

use scim_core::schema::Kind;
use scim_core::store::link_list::{PackedLink, escaped, unescaped};

/// Bytes of the links of one row, as long as there is more than one: a row beyond a quarter of a page would lie in
/// several places.
const MOST: usize = 840;

/// The links of one row, to be changed.
#[derive(Debug, Default)]
pub(crate) struct Bundle {
    links: Vec<Held>,
    /// All that was put in stands behind what was there.
    grew_at_end: bool,
}

#[derive(Debug)]
struct Held {
    /// The id of the target.
    id: String,
    /// The link, packed.
    text: String,
}

impl Held {
    /// The type of the target.
    fn kind(&self) -> Kind {
        PackedLink::all(&self.text).next().map_or_else(|| Kind::new(""), |link| Kind::new(&unescaped(link.kind)))
    }
}

/// A row as it is to be.
#[derive(Debug, PartialEq)]
pub(crate) struct Piece {
    /// The first of its targets.
    pub first: String,
    pub n: i64,
    pub links: String,
}

/// The links of a row, without what is around them.
pub(crate) fn inside(links: &str) -> &str {
    links.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or_default()
}

impl Bundle {
    /// From the text of a row.
    pub(crate) fn read(links: &str) -> Bundle {
        let held = |link: PackedLink<'_>| {
            let mut text = String::new();
            link.write(&mut text);
            Held { id: unescaped(link.id).into_owned(), text }
        };
        Bundle { links: PackedLink::all(inside(links)).map(held).collect(), grew_at_end: true }
    }

    /// Nothing, which may become something.
    pub(crate) fn new() -> Bundle {
        Bundle { links: Vec::new(), grew_at_end: true }
    }

    fn place(&self, target: &str) -> Result<usize, usize> {
        self.links.binary_search_by(|held| held.id.as_str().cmp(target))
    }

    /// Puts a link in; false where it is there.
    pub(crate) fn insert(&mut self, target: &str, kind: &Kind, label: Option<&str>) -> bool {
        let Err(place) = self.place(target) else { return false };
        self.grew_at_end &= place == self.links.len();
        let display = label.map(escaped);
        let (id, kind) = (escaped(target), escaped(kind.as_str()));
        let mut text = String::new();
        PackedLink { id: &id, kind: &kind, display: display.as_deref() }.write(&mut text);
        self.links.insert(place, Held { id: target.to_owned(), text });
        true
    }

    /// Takes a link out; gives the type of its target, None where there is no such link.
    pub(crate) fn remove(&mut self, target: &str) -> Option<Kind> {
        self.place(target).ok().map(|place| self.links.remove(place).kind())
    }

    /// Gives a link another label; false where there is no such link.
    pub(crate) fn relabel(&mut self, target: &str, label: &str) -> bool {
        let Ok(place) = self.place(target) else { return false };
        let Some(held) = self.links.get_mut(place) else { return false };
        let mut text = String::new();
        for link in PackedLink::all(&held.text) {
            PackedLink { display: Some(&escaped(label)), ..link }.write(&mut text);
        }
        held.text = text;
        true
    }

    /// The targets, each with its type.
    pub(crate) fn targets(&self) -> impl Iterator<Item = (Kind, &str)> {
        self.links.iter().map(|held| (held.kind(), held.id.as_str()))
    }

    /// As rows: one, or several where it would be too long. What grows at its end, as groups mostly do, leaves full
    /// rows behind; else each has room to grow.
    pub(crate) fn pieces(&self) -> Vec<Piece> {
        let all: usize = self.links.iter().map(|held| held.text.len() + 1).sum();
        let enough = if all <= MOST || self.grew_at_end { MOST } else { all.div_ceil(all.div_ceil(MOST)) };
        let mut pieces: Vec<Piece> = Vec::new();
        for Held { id, text } in &self.links {
            let fits = |last: &&mut Piece| last.links.len() < enough && last.links.len() + text.len() < MOST;
            match pieces.last_mut().filter(fits) {
                Some(last) => {
                    last.links.push(',');
                    last.links.push_str(text);
                    last.n += 1;
                }
                None => pieces.push(Piece { first: id.clone(), n: 1, links: format!("[{text}") }),
            }
        }
        pieces.iter_mut().for_each(|piece| piece.links.push(']'));
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(bundle: &Bundle) -> Vec<&str> {
        bundle.targets().map(|(kind, id)| (assert_eq!(kind.as_str(), "User"), id).1).collect()
    }

    #[test]
    fn links_keep_their_order_and_come_once() {
        let mut bundle = Bundle::new();
        let user = Kind::new("User");
        for (target, new) in [("m", true), ("z", true), ("a\"\\", true), ("m", false), ("é", true)] {
            assert_eq!(bundle.insert(target, &user, Some("x\n")), new, "{target}");
        }
        assert_eq!(ids(&bundle), ["a\"\\", "m", "z", "é"]);
        assert!(bundle.relabel("m", "\"M\"") && !bundle.relabel("n", "N"));
        assert_eq!((bundle.remove("z"), bundle.remove("z")), (Some(user.clone()), None));
        let [piece] = &bundle.pieces()[..] else { panic!("more than one row") };
        let expected = r#"[["a\"\\","User","x\n"],["m","User","\"M\""],["é","User","x\n"]]"#;
        assert_eq!((piece.links.as_str(), piece.n, piece.first.as_str()), (expected, 3, "a\"\\"));
        assert_eq!(Bundle::read(&piece.links).pieces(), bundle.pieces());
    }

    #[test]
    fn rows_stay_short_and_are_full_where_they_grow_at_the_end() {
        let user = Kind::new("User");
        for upwards in [true, false] {
            let mut rows = vec![Bundle::new()];
            for n in 0..1_000u32 {
                let id = format!("{:036}", if upwards { n } else { 10_000 - n });
                let place = if upwards { rows.len() - 1 } else { 0 };
                assert!(rows[place].insert(&id, &user, Some("A Name")));
                let pieces = rows[place].pieces();
                assert!(pieces.iter().all(|piece| piece.links.len() <= MOST));
                rows.splice(place..=place, pieces.iter().map(|piece| Bundle::read(&piece.links)));
            }
            assert!(rows.iter().flat_map(ids).is_sorted());
            assert_eq!(rows.iter().flat_map(Bundle::targets).count(), 1_000);
            // Thirteen find room in a row.
            let most = if upwards { 1_000 / 13 + 1 } else { 1_000 / 6 };
            assert!(rows.len() <= most, "{} rows", rows.len());
        }
        // What is longer than a row may be stands alone.
        let mut long = Bundle::new();
        for id in ["a", "b", "c"] {
            long.insert(id, &user, Some(&id.repeat(2_000)));
        }
        assert_eq!(long.pieces().iter().map(|piece| piece.n).collect::<Vec<_>>(), [1, 1, 1]);
    }
}
