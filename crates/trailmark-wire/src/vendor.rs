//! The table of vendors, and what their links and scripts leave in a landing URL and in cookies. Browser and proxy capture by
//! it ([`crate::capture`]), and nothing else in this crate knows a vendor. What a vendor is sent stands in the crate
//! `trailmark-vendors`.

use core::fmt;

use alloc::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::grammar::Case;

/// What one vendor leaves, the preferred name first. Parameters are in lower case: names match in any case.
#[derive(Debug)]
pub(crate) struct Names {
    pub(crate) vendor: &'static str,
    pub(crate) click_params: &'static [&'static str],
    /// Base64 in the URL; in cookies the key is plain.
    pub(crate) partner_params: &'static [&'static str],
    pub(crate) click_cookies: &'static [&'static str],
    pub(crate) partner_cookies: &'static [&'static str],
    /// Whether the configured generic names hold a click id; else they hold a partner key.
    pub(crate) generic_is_click: bool,
    /// Whether it credits a new customer by nothing but the click id that its own link creates.
    pub(crate) needs_click: bool,
    /// Generic names where the configuration gives none.
    pub(crate) default_params: &'static [&'static str],
    /// Whether a generic name may be a segment of the path, with the value in the next one.
    pub(crate) in_path: bool,
    pub(crate) case: Case,
}

const NOTHING: Names = Names {
    vendor: "",
    click_params: &[],
    partner_params: &[],
    click_cookies: &[],
    partner_cookies: &[],
    generic_is_click: false,
    needs_click: false,
    default_params: &[],
    in_path: false,
    case: Case::Matters,
};

/// What a rule without a vendor knows: nothing but its generic names, wherever a vendor may have them.
pub(crate) static NO_VENDOR: Names = Names { in_path: true, ..NOTHING };

/// The table of vendors, in the order in which lists show them. One line for each: its folder in
/// `crates/trailmark-vendors/src`, which is also its name, and its type there. The macro that is passed in takes the lines.
#[macro_export]
macro_rules! vendors {
    ($take:ident) => {
        $take! {
            partnerstack: PartnerStack,
            partnerize: Partnerize,
            introw: Introw,
            partnero: Partnero,
        }
    };
}

/// What links and cookies hold stands in the vendor's folder, with all else about it. The file is included here, since the
/// browser's module must not depend on the adapters.
macro_rules! names {
    ($($folder:ident: $vendor:ident,)*) => {
        $(mod $folder {
            include!(concat!("../../trailmark-vendors/src/", stringify!($folder), "/captures.rs"));
        })*

        static VENDORS: &[Names] = &[$(Names { vendor: stringify!($folder), ..$folder::NAMES }),*];
    };
}

vendors!(names);

/// One of the vendors.
#[derive(Clone, Copy)]
pub struct VendorName(&'static Names);

impl VendorName {
    /// Every vendor, in the order in which tables list them.
    pub fn all() -> impl Iterator<Item = Self> {
        VENDORS.iter().map(Self)
    }

    /// The name in configuration, SQL, logs and JSON.
    pub fn as_str(self) -> &'static str {
        self.0.vendor
    }

    /// The vendor behind a configured name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::all().find(|vendor| vendor.as_str() == name)
    }

    /// The generic parameters that it captures where the configuration names none.
    pub fn default_params(self) -> &'static [&'static str] {
        self.0.default_params
    }

    /// Whether its generic parameters hold a click id; else they hold a partner key.
    pub fn holds_click_ids(self) -> bool {
        self.0.generic_is_click
    }

    /// Whether a generic parameter may also be a segment of the path, with the value in the next one.
    pub fn is_in_path(self) -> bool {
        self.0.in_path
    }

    pub(crate) fn names(self) -> &'static Names {
        self.0
    }
}

impl PartialEq for VendorName {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for VendorName {}

impl fmt::Debug for VendorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for VendorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for VendorName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for VendorName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<str>::deserialize(deserializer)?;
        Self::from_name(&name).ok_or_else(|| de::Error::custom("no vendor"))
    }
}
