//! What a principal may do: Azure's role-based access control, reduced to actions and scopes. Knows no tokens and no requests.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{pattern, route::reaches, seed::AssignmentSeed};

/// A built-in role: name, actions, not-actions.
type Role = (&'static str, &'static [&'static str], &'static [&'static str]);

/// The built-in roles that matter to computes (built-in-roles reference, 2026). Of Contributor's not-actions only those of
/// Microsoft.Authorization are here: nothing else of them is served.
const ROLES: [Role; 5] = [
    ("Owner", &["*"], &[]),
    (
        "Contributor",
        &["*"],
        &[
            "Microsoft.Authorization/*/Delete",
            "Microsoft.Authorization/*/Write",
            "Microsoft.Authorization/elevateAccess/Action",
        ],
    ),
    ("Reader", &["*/read"], &[]),
    (
        "AzureML Data Scientist",
        &[
            "Microsoft.MachineLearningServices/workspaces/*/read",
            "Microsoft.MachineLearningServices/workspaces/*/action",
            "Microsoft.MachineLearningServices/workspaces/*/delete",
            "Microsoft.MachineLearningServices/workspaces/*/write",
        ],
        &[
            "Microsoft.MachineLearningServices/workspaces/delete",
            "Microsoft.MachineLearningServices/workspaces/write",
            "Microsoft.MachineLearningServices/workspaces/computes/*/write",
            "Microsoft.MachineLearningServices/workspaces/computes/*/delete",
            "Microsoft.MachineLearningServices/workspaces/computes/listKeys/action",
            "Microsoft.MachineLearningServices/workspaces/listKeys/action",
        ],
    ),
    (
        "AzureML Compute Operator",
        &[
            "Microsoft.MachineLearningServices/workspaces/computes/*",
            "Microsoft.MachineLearningServices/workspaces/notebooks/vm/*",
        ],
        &[],
    ),
];

/// One role at one scope.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Assignment {
    /// Lower case, no slash at its end; empty for all there is.
    scope: String,
    actions: Vec<String>,
    not_actions: Vec<String>,
}

/// All that a principal may do.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub(crate) struct Rights {
    denied: Vec<String>,
    given: Option<Vec<AssignmentSeed>>,
    assignments: Option<Vec<Assignment>>,
}

/// Rights as a state file has them.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    denied: Vec<String>,
    role_assignments: Option<Vec<AssignmentSeed>>,
}

impl From<Rights> for Written {
    fn from(rights: Rights) -> Self {
        Self { denied: rights.denied, role_assignments: rights.given }
    }
}

impl TryFrom<Written> for Rights {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        Self::new(&written.denied, written.role_assignments.as_deref())
    }
}

impl Rights {
    /// The rights of role assignments (`None`: everything everywhere), less what is denied.
    ///
    /// # Errors
    /// What is wrong with an assignment, and where.
    pub(crate) fn new(denied: &[String], given: Option<&[AssignmentSeed]>) -> Result<Self, String> {
        let read = |(index, seed)| assignment(seed).map_err(|why| format!("roleAssignments[{index}].{why}"));
        let assignments = given.map(|given| given.iter().enumerate().map(read).collect()).transpose()?;
        Ok(Self { denied: denied.to_vec(), given: given.map(<[_]>::to_vec), assignments })
    }

    /// The actions taken away whatever the assignments give.
    pub(crate) fn denied(&self) -> &[String] {
        &self.denied
    }

    /// The assignments as they were given.
    pub(crate) fn given(&self) -> Option<&[AssignmentSeed]> {
        self.given.as_deref()
    }

    /// Whether an action is allowed on a scope: some assignment at or above it gives the action.
    pub(crate) fn allow(&self, action: &str, scope: &str) -> bool {
        let scope = normal(scope);
        self.some(action, |given| reaches(given, &scope))
    }

    /// Whether an action is allowed on anything below a scope: lists then show that part.
    pub(crate) fn allow_below(&self, action: &str, scope: &str) -> bool {
        let scope = normal(scope);
        self.some(action, |given| reaches(&scope, given))
    }

    fn some(&self, action: &str, at: impl Fn(&str) -> bool) -> bool {
        let meets = |pattern: &String| meets(pattern, action);
        if self.denied.iter().any(meets) {
            return false;
        }
        let Some(assignments) = &self.assignments else { return true };
        assignments
            .iter()
            .any(|one| at(&one.scope) && one.actions.iter().any(meets) && !one.not_actions.iter().any(meets))
    }
}

/// Writes shared rights to a state file.
pub(crate) fn write<S: Serializer>(rights: &Arc<Rights>, serializer: S) -> Result<S::Ok, S::Error> {
    rights.serialize(serializer)
}

/// Reads them back.
pub(crate) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Rights>, D::Error> {
    Rights::deserialize(deserializer).map(Arc::new)
}

fn assignment(seed: &AssignmentSeed) -> Result<Assignment, String> {
    let owned = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
    let (actions, not_actions) = match &seed.role {
        Some(_) if !seed.actions.is_empty() || !seed.not_actions.is_empty() => {
            return Err("role: give either a built-in role or actions of your own, not both".into());
        }
        Some(name) => {
            let known = ROLES.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name));
            let (_, actions, not_actions) = known.ok_or_else(|| {
                let names = ROLES.map(|(name, ..)| name).join(", ");
                format!("role: '{name}' is no role known here; known are {names}; give actions for another")
            })?;
            (owned(actions), owned(not_actions))
        }
        None if seed.actions.is_empty() => return Err("role: give a built-in role, or actions of your own".into()),
        None => (seed.actions.clone(), seed.not_actions.clone()),
    };
    let scope = normal(&seed.scope);
    let parts: Vec<&str> = scope.split('/').collect();
    match parts.as_slice() {
        [""] | ["", "subscriptions", _] | ["", "subscriptions", _, "resourcegroups", _] => {}
        ["", "subscriptions", _, "resourcegroups", _, "providers", _, rest @ ..]
            if !rest.is_empty() && rest.len() % 2 == 0 => {}
        _ => {
            return Err(format!(
                "scope: '{}' is neither '/' nor the ARM id of a subscription, a resource group or a resource",
                seed.scope
            ));
        }
    }
    Ok(Assignment { scope, actions, not_actions })
}

fn normal(scope: &str) -> String {
    scope.trim_end_matches('/').to_ascii_lowercase()
}

/// Whether an action is one of a pattern, in any letter case. `a/*/write` also means `a/write`: the documentation says of a role
/// that excludes `computes/*/write` that it can make no compute (how-to-assign-roles).
fn meets(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    pattern::fits(&action, &pattern) || pattern::fits(&action, &pattern.replace("/*/", "/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKSPACE: &str =
        "/subscriptions/S/resourceGroups/ml/providers/Microsoft.MachineLearningServices/workspaces/demo";

    fn role(role: &str, scope: &str) -> Rights {
        let seed = AssignmentSeed {
            scope: scope.into(),
            role: Some(role.into()),
            actions: Vec::new(),
            not_actions: Vec::new(),
        };
        Rights::new(&[], Some(&[seed])).unwrap()
    }

    fn can(rights: &Rights, action: &str) -> bool {
        let compute = format!("{WORKSPACE}/computes/cpu");
        rights.allow(&format!("Microsoft.MachineLearningServices/workspaces/{action}"), &compute)
    }

    #[test]
    fn built_in_roles_allow_what_their_documentation_says() {
        for (name, allowed, refused) in [
            ("Owner", vec!["computes/write", "computes/delete", "computes/start/action", "read"], vec![]),
            ("contributor", vec!["computes/write", "computes/listKeys/action"], vec![]),
            ("Reader", vec!["read", "computes/read"], vec!["computes/write", "computes/listNodes/action"]),
            (
                "AzureML Data Scientist",
                vec!["read", "computes/read", "computes/start/action", "jobs/write"],
                vec!["computes/write", "computes/delete", "computes/listKeys/action", "write"],
            ),
            (
                "AzureML Compute Operator",
                vec!["computes/write", "computes/delete", "computes/start/action"],
                vec!["read"],
            ),
        ] {
            let rights = role(name, WORKSPACE);
            allowed.iter().for_each(|action| assert!(can(&rights, action), "{name} {action}"));
            refused.iter().for_each(|action| assert!(!can(&rights, action), "{name} {action}"));
        }
    }

    #[test]
    fn assignment_reaches_down_from_its_scope_and_not_up_or_aside() {
        let read = "Microsoft.MachineLearningServices/workspaces/read";
        let rights = role("Owner", "/subscriptions/s/resourcegroups/ML/");
        assert!(rights.allow(read, WORKSPACE) && rights.allow(read, "/subscriptions/S/resourceGroups/ml"));
        for other in ["/subscriptions/S", "/subscriptions/S/resourceGroups/ml2", "/subscriptions/T/resourceGroups/ml"] {
            assert!(!rights.allow(read, other), "{other}");
        }
        assert!(rights.allow_below(read, "/subscriptions/S") && !rights.allow_below(read, "/subscriptions/T"));
        assert!(role("Reader", "/").allow(read, WORKSPACE));
    }

    #[test]
    fn denied_actions_are_taken_from_every_role_and_no_assignment_at_all_means_everything() {
        let all = Rights::default();
        assert!(can(&all, "computes/write") && all.allow_below("x", "/subscriptions/S"));
        let less = Rights::new(&["Microsoft.MachineLearningServices/workspaces/computes/*".into()], None).unwrap();
        assert!(!can(&less, "computes/write") && can(&less, "read"));
        assert!(!can(&Rights::new(&[], Some(&[])).unwrap(), "read"));
    }

    #[test]
    fn wrong_assignments_are_told_with_their_place() {
        for (scope, role, actions, part) in [
            ("/", Some("Ownr"), vec![], "roleAssignments[0].role: 'Ownr' is no role known here"),
            ("/", None, vec![], "roleAssignments[0].role: give a built-in role"),
            ("/", Some("Owner"), vec!["*"], "not both"),
            ("/subscriptions", Some("Owner"), vec![], "roleAssignments[0].scope: '/subscriptions' is neither"),
            ("/subscriptions/s/resourceGroups/g/providers/x", Some("Owner"), vec![], "is neither"),
            ("demo", Some("Owner"), vec![], "is neither"),
        ] {
            let seed = AssignmentSeed {
                scope: scope.into(),
                role: role.map(str::to_owned),
                actions: actions.into_iter().map(str::to_owned).collect(),
                not_actions: Vec::new(),
            };
            let error = Rights::new(&[], Some(&[seed])).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
