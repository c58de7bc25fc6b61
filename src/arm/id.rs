//! ARM ids: parsed once, compared without case, printed into URL paths that nothing can break out of.
//!
//! Must not build a path from unchecked text: every segment is validated when an id is made.

use std::fmt;

/// Why a text is no id of the wanted kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {wanted}")]
pub struct IdError {
    text: String,
    wanted: &'static str,
}

impl IdError {
    fn new(text: &str, wanted: &'static str) -> Self {
        // An id that is refused may be huge or hostile: only its beginning is shown.
        Self { text: text.chars().take(200).collect(), wanted }
    }
}

/// Whether two ARM ids name the same resource: without case, and without regard to slashes at the ends.
pub fn same_id(left: &str, right: &str) -> bool {
    left.trim_matches('/').eq_ignore_ascii_case(right.trim_matches('/'))
}

/// Whether two spellings name the same Azure region: `West Europe` is `westeurope`.
pub fn same_location(left: &str, right: &str) -> bool {
    let fold = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
    fold(left) == fold(right)
}

/// A segment that may stand in a URL path as it is: ARM's names, nothing that changes the path's meaning.
fn is_segment(text: &str) -> bool {
    let ok = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '(' | ')');
    !text.is_empty() && text.len() <= 260 && text.chars().all(ok) && !text.chars().all(|c| c == '.')
}

/// Any ARM resource id inside a resource group: `/subscriptions/…/resourceGroups/…/providers/<namespace>/<type>/<name>…`.
#[derive(Clone, Debug)]
pub struct ResourceId {
    text: String,
}

impl ResourceId {
    /// Checks the shape and every segment.
    ///
    /// # Errors
    /// When the text has not the shape of a resource id, or a segment holds a character ARM does not allow in names.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let wrong = || IdError::new(text, "an ARM resource id (/subscriptions/…/resourceGroups/…/providers/…)");
        let parts: Vec<&str> = text.strip_prefix('/').ok_or_else(wrong)?.split('/').collect();
        let shape = parts.len() >= 8
            && parts.len().is_multiple_of(2)
            && parts[0].eq_ignore_ascii_case("subscriptions")
            && parts[2].eq_ignore_ascii_case("resourceGroups")
            && parts[4].eq_ignore_ascii_case("providers");
        if !shape || !parts.iter().all(|part| is_segment(part)) {
            return Err(wrong());
        }
        Ok(Self { text: text.to_owned() })
    }

    /// The id as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl PartialEq for ResourceId {
    fn eq(&self, other: &Self) -> bool {
        same_id(&self.text, &other.text)
    }
}
impl Eq for ResourceId {}

/// An Azure ML workspace.
#[derive(Clone, Debug)]
pub struct WorkspaceId {
    subscription: String,
    resource_group: String,
    name: String,
}

impl WorkspaceId {
    /// Reads `/subscriptions/{guid}/resourceGroups/{rg}/providers/Microsoft.MachineLearningServices/workspaces/{name}`.
    ///
    /// # Errors
    /// When the text is not exactly such an id.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let wrong = || IdError::new(text, "the ARM id of an Azure ML workspace");
        let id = ResourceId::parse(text).map_err(|_| wrong())?;
        let parts: Vec<&str> = id.as_str()[1..].split('/').collect();
        let right = parts.len() == 8
            && parts[5].eq_ignore_ascii_case("Microsoft.MachineLearningServices")
            && parts[6].eq_ignore_ascii_case("workspaces");
        if !right {
            return Err(wrong());
        }
        Ok(Self { subscription: parts[1].into(), resource_group: parts[3].into(), name: parts[7].into() })
    }

    /// The subscription's id.
    pub fn subscription(&self) -> &str {
        &self.subscription
    }

    /// The resource group's name.
    pub fn resource_group(&self) -> &str {
        &self.resource_group
    }

    /// The workspace's own name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id of the compute of that name in this workspace.
    ///
    /// # Errors
    /// When the name holds a character that no compute name has (azureml-api.md h: letters, digits, dashes).
    pub fn compute(&self, name: &str) -> Result<ComputeId, IdError> {
        let ok = !name.is_empty() && name.len() <= 64 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if !ok {
            return Err(IdError::new(name, "the name of an Azure ML compute (letters, digits and dashes)"));
        }
        Ok(ComputeId { workspace: self.clone(), name: name.to_owned() })
    }
}

impl fmt::Display for WorkspaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subscription, resource_group, name } = self;
        write!(
            f,
            "/subscriptions/{subscription}/resourceGroups/{resource_group}/providers/Microsoft.MachineLearningServices/workspaces/{name}"
        )
    }
}

impl PartialEq for WorkspaceId {
    fn eq(&self, other: &Self) -> bool {
        same_id(&self.to_string(), &other.to_string())
    }
}
impl Eq for WorkspaceId {}

/// A compute inside a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComputeId {
    workspace: WorkspaceId,
    name: String,
}

impl ComputeId {
    /// The workspace that holds it.
    pub fn workspace(&self) -> &WorkspaceId {
        &self.workspace
    }

    /// The compute's name in Azure.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for ComputeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/computes/{}", self.workspace, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKSPACE: &str = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/ml/providers/Microsoft.MachineLearningServices/workspaces/demo";

    #[test]
    fn workspace_id_round_trips_and_compares_without_case() {
        let id = WorkspaceId::parse(WORKSPACE).unwrap();
        assert_eq!(id.to_string(), WORKSPACE);
        assert_eq!(id, WorkspaceId::parse(&WORKSPACE.to_lowercase()).unwrap());
    }

    #[test]
    fn id_that_could_leave_its_path_is_refused() {
        for text in [
            "",
            "demo",
            &WORKSPACE[1..],
            &format!("{WORKSPACE}/../x"),
            &format!("{WORKSPACE}/computes/c"),
            &WORKSPACE.replace("ml/", "%2f/"),
            &WORKSPACE.replace("/ml/", "/../"),
            &WORKSPACE.replace("demo", "demo?x=1"),
            &WORKSPACE.replace("demo", ""),
        ] {
            assert!(WorkspaceId::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn compute_name_with_a_slash_or_dot_is_refused() {
        let workspace = WorkspaceId::parse(WORKSPACE).unwrap();
        assert!(workspace.compute("cpu-1a").is_ok());
        for name in ["", "a/b", "..", "a%2fb", "a b", "ä"] {
            assert!(workspace.compute(name).is_err(), "{name}");
        }
    }

    #[test]
    fn locations_compare_without_spaces_and_case() {
        assert!(same_location("West Europe", "westeurope"));
        assert!(!same_location("westus", "westus2"));
    }
}
