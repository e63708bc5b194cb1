//! How a group of settings is declared: one list gives the struct, its defaults and its table.

use super::value::Value;

/// One key as a visitor of the settings meets it.
pub struct Field<'a> {
    /// Dotted path, `limits.sends.burst`.
    pub path: String,
    /// What the key is for.
    pub doc: &'static str,
    /// What its number counts; empty where it is no number.
    pub unit: &'static str,
    /// Smallest and largest number, or length of a text in characters.
    pub range: Option<(u64, u64)>,
    pub value: &'a mut dyn Value,
}

/// A group of settings.
pub trait Section {
    /// Shows every key under `path` (empty at the top) to the visitor, in order of declaration.
    fn visit(&mut self, path: &str, visitor: &mut dyn FnMut(Field<'_>));
}

pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// Declares a section: keys (`doc name: type = default, "unit", range;`), then sections in it.
macro_rules! section {
    (
        $(#[$outer:meta])*
        $name:ident {
            $(#[doc = $doc:literal] $key:ident : $type:ty = $default:expr
                $(, $unit:literal, $range:expr)?;)*
        }
        with {
            $(#[doc = $inner_doc:literal] $inner:ident : $inner_type:ty = $inner_default:expr;)*
        }
    ) => {
        $(#[$outer])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $(#[doc = $doc] pub $key: $type,)*
            $(#[doc = $inner_doc] pub $inner: $inner_type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($key: $default,)* $($inner: $inner_default,)* }
            }
        }

        impl $crate::config::Section for $name {
            #[allow(unused_variables)]
            fn visit(&mut self, path: &str, visitor: &mut dyn FnMut($crate::config::Field<'_>)) {
                $(
                    #[allow(unused_mut, unused_assignments)]
                    let (mut unit, mut range) = ("", None);
                    $(
                        let bounds: std::ops::RangeInclusive<u64> = $range;
                        (unit, range) = ($unit, Some((*bounds.start(), *bounds.end())));
                    )?
                    visitor($crate::config::Field {
                        path: $crate::config::section::join(path, stringify!($key)),
                        doc: str::trim_ascii($doc),
                        unit,
                        range,
                        value: &mut self.$key,
                    });
                )*
                $(self.$inner.visit(
                    &$crate::config::section::join(path, stringify!($inner)),
                    visitor,
                );)*
            }
        }
    };
}
pub(super) use section;
