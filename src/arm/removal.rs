//! How a compute leaves its workspace: with what lies under it, or without.
//!
//! Must not decide which of the two an owner wants; it only knows which of them the API has for a type.

use crate::ComputeType;

/// `underlyingResourceAction` of a DELETE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnderlyingAction {
    /// What lies under the compute is deleted with it.
    Delete,
    /// It stays and is only let go.
    Detach,
}

impl UnderlyingAction {
    /// The spelling on the wire. Microsoft's first SDK sends it in lower case; the service takes both.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "Delete",
            Self::Detach => "Detach",
        }
    }
}

impl ComputeType {
    /// What a DELETE of this type says, given what is wished (azureml-api.md f.3). A cluster or instance that is
    /// detached comes back with its old size and bills on; most attached types have no delete at all. A type that is
    /// not known is never deleted.
    pub fn leaves_by(&self, wish: UnderlyingAction) -> UnderlyingAction {
        match self {
            Self::AmlCompute | Self::ComputeInstance => UnderlyingAction::Delete,
            Self::Aks | Self::DataFactory | Self::DataLakeAnalytics => wish,
            Self::Kubernetes
            | Self::VirtualMachine
            | Self::HdInsight
            | Self::Databricks
            | Self::SynapseSpark
            | Self::Batch
            | Self::Unknown(_) => UnderlyingAction::Detach,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use UnderlyingAction::{Delete, Detach};

    #[test]
    fn type_that_is_only_detached_is_never_deleted_and_the_other_way_round() {
        for (kind, of_delete, of_detach) in [
            ("AmlCompute", Delete, Delete),
            ("ComputeInstance", Delete, Delete),
            ("AKS", Delete, Detach),
            ("DataFactory", Delete, Detach),
            ("DataLakeAnalytics", Delete, Detach),
            ("Kubernetes", Detach, Detach),
            ("VirtualMachine", Detach, Detach),
            ("HDInsight", Detach, Detach),
            ("Databricks", Detach, Detach),
            ("SynapseSpark", Detach, Detach),
            ("Batch", Detach, Detach),
            ("SomethingNew", Detach, Detach),
        ] {
            let kind = ComputeType::parse(kind);
            assert_eq!((kind.leaves_by(Delete), kind.leaves_by(Detach)), (of_delete, of_detach), "{kind}");
        }
    }
}
