//! The catalogue of VM sizes and families, as one recorded answer lists them. Knows nothing of quotas or computes.

use std::{collections::HashMap, sync::OnceLock};

use serde::Deserialize;
use serde_json::Value;

/// One VM size that Azure ML offers. Shape and figures: `data/vm_sizes.json`, recorded 2025-11-04.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct VmSize {
    pub(crate) name: String,
    pub(crate) family: String,
    #[serde(rename = "vCPUs")]
    pub(crate) vcpus: u32,
    #[cfg(test)]
    pub(crate) gpus: u32,
    #[serde(rename = "lowPriorityCapable")]
    pub(crate) low_priority_capable: bool,
    #[serde(rename = "supportedComputeTypes")]
    pub(crate) supported_compute_types: Vec<String>,
}

impl VmSize {
    /// Whether a compute of this type can be made of it.
    pub(crate) fn supports(&self, compute_type: &str) -> bool {
        self.supported_compute_types.iter().any(|known| known == compute_type)
    }
}

/// All sizes and families.
#[derive(Debug)]
pub(crate) struct Catalogue {
    rows: Vec<Value>,
    sizes: HashMap<String, VmSize>,
    families: Vec<String>,
}

impl Catalogue {
    /// The one catalogue. The data is part of the program and checked by a test; if it could not be read the catalogue
    /// would be empty.
    pub(crate) fn get() -> &'static Self {
        static CATALOGUE: OnceLock<Catalogue> = OnceLock::new();
        CATALOGUE.get_or_init(|| {
            let rows: Vec<Value> = serde_json::from_str(include_str!("data/vm_sizes.json")).unwrap_or_default();
            let families = serde_json::from_str(include_str!("data/vm_families.json")).unwrap_or_default();
            let sizes = rows
                .iter()
                .filter_map(|row| serde_json::from_value::<VmSize>(row.clone()).ok())
                .map(|size| (size.name.to_ascii_uppercase(), size))
                .collect();
            Self { rows, sizes, families }
        })
    }

    /// The size of that name, whatever its letter case.
    pub(crate) fn size(&self, name: &str) -> Option<&VmSize> {
        self.sizes.get(&name.to_ascii_uppercase())
    }

    /// The rows of a `vmSizes` answer, as recorded.
    pub(crate) fn rows(&self) -> &[Value] {
        &self.rows
    }

    /// The family names of a `usages` answer, in its order.
    pub(crate) fn families(&self) -> &[String] {
        &self.families
    }

    /// Names of the sizes that can be made a compute of that type, upper case, sorted.
    pub(crate) fn names_for(&self, compute_type: &str) -> Vec<&str> {
        let mut names: Vec<&str> =
            self.sizes.iter().filter(|(_, size)| size.supports(compute_type)).map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names
    }

    /// Whether a new subscription has no dedicated quota in the family: GPU, high-performance and large-memory families
    /// start at 0 (how-to-manage-quotas, 2026-01-27).
    pub(crate) fn is_specialized(&self, family: &str) -> bool {
        let short = family.to_ascii_lowercase().replace("standard", "");
        let short = short.trim();
        ["nc", "nd", "nv", "hb", "hc", "ms", "hfamily"].iter().any(|start| short.starts_with(start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn catalogue_holds_every_recorded_size_and_family() {
        let catalogue = Catalogue::get();
        assert_eq!(catalogue.rows.len(), 260);
        assert_eq!(catalogue.sizes.len(), 260);
        assert_eq!(catalogue.families.len(), 62);
    }

    #[test]
    fn size_is_found_in_any_letter_case() {
        let size = Catalogue::get().size("standard_d2_V2").unwrap();
        assert_eq!((size.vcpus, size.gpus, size.family.as_str()), (2, 0, "standardDv2Family"));
        assert!(size.supports("AmlCompute") && size.low_priority_capable);
        assert!(Catalogue::get().size("Standard_B2s").is_none());
    }

    #[test]
    fn every_family_with_gpus_is_specialized() {
        let catalogue = Catalogue::get();
        for size in catalogue.sizes.values() {
            assert!(size.gpus == 0 || catalogue.is_specialized(&size.family), "{}", size.family);
        }
        assert!(!catalogue.is_specialized("standardDv2Family") && !catalogue.is_specialized("standardESv3Family"));
    }
}
