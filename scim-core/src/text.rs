//! Texts that are short nearly always: ids, names of types, labels.

/// A type of texts that lie in place up to so many bytes, and on the heap where they are longer
/// (`docs/decisions/0011-texts-in-place.md`). The last word is the form in which programmers see them.
macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $short:literal, $debug:literal) => {
        $(#[$doc])*
        #[derive(PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub struct $name(smallstr::SmallString<[u8; $short]>);

        impl $name {
            /// From its text.
            pub fn new(text: &str) -> Self {
                $name(smallstr::SmallString::from_str(text))
            }

            /// Its text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        // The library's own copies byte by byte.
        impl Clone for $name {
            fn clone(&self) -> Self {
                Self::new(self.as_str())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, $debug, self.as_str())
            }
        }
    };
}

pub(crate) use text_type;
