//! What exists when the emulator starts: tenants, principals, subscriptions, workspaces, computes, quotas, request budgets.
//! The shape of the seed file; builds nothing and reads no file.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::resources::ResourceSeed;

/// The subscription of the default seed.
pub const SUBSCRIPTION: &str = "11111111-1111-1111-1111-111111111111";
/// The tenant of the default seed.
pub const TENANT: &str = "22222222-2222-2222-2222-222222222222";
/// The application (client) id of the default seed.
pub const CLIENT_ID: &str = "33333333-3333-3333-3333-333333333333";
/// The client secret of the default seed. It opens nothing but an emulator.
pub const CLIENT_SECRET: &str = "emulator-client-secret";
/// The object id of the default seed's service principal.
pub const OBJECT_ID: &str = "44444444-4444-4444-4444-444444444444";

/// The world at the start, as the seed file (JSON, camelCase) writes it. Unknown fields are refused, absent ones have the
/// values of the default seed's kind: no principals, no subscriptions, Azure's published budgets.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Seed {
    /// Who may ask for tokens.
    pub principals: Vec<PrincipalSeed>,
    /// User-assigned managed identities with ids of your choice. Any other well-formed id is known too and has ids derived
    /// from it, unless `onlyListedIdentities` is set.
    pub identities: Vec<IdentitySeed>,
    /// Refuse user-assigned identities that are not listed.
    pub only_listed_identities: bool,
    /// The subscriptions and what is in them.
    pub subscriptions: Vec<SubscriptionSeed>,
    /// Management locks, beside those that groups have.
    pub locks: Vec<LockSeed>,
    /// What stands behind attached computes, where it differs from what is there unless told otherwise: something that works,
    /// in the workspace's region, which any credentials open.
    pub resources: Vec<ResourceSeed>,
    /// Refuse to attach what is not listed.
    pub only_listed_resources: bool,
    /// Limits that differ from the defaults.
    pub quotas: Vec<QuotaSeed>,
    /// Request budgets.
    pub throttle: ThrottleSeed,
    /// How long a token is valid, in seconds of wall time. Entra ID's default for applications is about an hour.
    pub token_lifetime_seconds: u32,
    /// Computes on one page of a list. Azure's own number is not published.
    pub page_size: usize,
    /// Fixes ids and durations: two emulators with one value and one history answer alike.
    pub random: u64,
    /// Where virtual time starts; absent: at the wall's time. A clock in the past stays behind the wall for a while, as a client
    /// expects that compares times of its own with Azure's.
    pub clock: Option<Timestamp>,
}

/// A service principal.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrincipalSeed {
    /// The tenant it signs in to.
    pub tenant: String,
    /// Application (client) id.
    pub client_id: String,
    /// Client secret.
    pub client_secret: String,
    /// Object id of the service principal; derived from the client id if absent.
    #[serde(default)]
    pub object_id: Option<String>,
    /// Actions its role assignments do not cover, such as `Microsoft.MachineLearningServices/workspaces/computes/write`;
    /// `*` stands for any text. They are taken away from whatever its role assignments give.
    #[serde(default)]
    pub denied: Vec<String>,
    /// Its role assignments. Absent or null: it may do everything everywhere, less what is denied.
    #[serde(default)]
    pub role_assignments: Option<Vec<AssignmentSeed>>,
}

/// A role assignment: a built-in role, or actions of your own, at a scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AssignmentSeed {
    /// `/`, or the ARM id of a subscription, a resource group or a resource.
    pub scope: String,
    /// `Owner`, `Contributor`, `Reader`, `AzureML Data Scientist` or `AzureML Compute Operator`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Actions of a custom role; `*` stands for any text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<String>,
    /// What is taken from those actions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_actions: Vec<String>,
}

/// A user-assigned managed identity.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IdentitySeed {
    /// Its ARM id.
    pub id: String,
    /// Object id of its service principal.
    pub principal_id: String,
    /// Client id.
    pub client_id: String,
}

/// A subscription.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SubscriptionSeed {
    /// Subscription id.
    pub id: String,
    /// The tenant that it trusts.
    pub tenant: String,
    /// Its resource groups.
    #[serde(default)]
    pub resource_groups: Vec<GroupSeed>,
    /// Azure Policy assignments with effect deny.
    #[serde(default)]
    pub policies: Vec<PolicySeed>,
}

/// A resource group.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GroupSeed {
    /// Its name.
    pub name: String,
    /// A management lock on it.
    #[serde(default)]
    pub lock: Option<Lock>,
    /// Its workspaces.
    #[serde(default)]
    pub workspaces: Vec<WorkspaceSeed>,
}

/// Levels of a management lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lock {
    /// Deletes are refused.
    CanNotDelete,
    /// Deletes and writes are refused.
    ReadOnly,
}

/// A management lock on any scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LockSeed {
    /// ARM id of a subscription, a group, a workspace or a compute.
    pub scope: String,
    /// Its level.
    pub lock: Lock,
}

/// A workspace.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkspaceSeed {
    /// Its name.
    pub name: String,
    /// Its region, as in `eastus`.
    pub location: String,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Computes that exist already: a PUT body each, with `name` beside it. They are Succeeded from the start and their
    /// names need not follow today's rules.
    #[serde(default)]
    pub computes: Vec<ComputeSeed>,
}

/// A compute that exists already. Held as text, because ten thousand parsed bodies take as much as the world made of them.
#[derive(Debug, Clone)]
pub struct ComputeSeed(Box<str>);

impl ComputeSeed {
    /// The body.
    pub(crate) fn body(&self) -> Value {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

impl From<Value> for ComputeSeed {
    fn from(body: Value) -> Self {
        Self(body.to_string().into())
    }
}

impl Serialize for ComputeSeed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.body().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ComputeSeed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from)
    }
}

/// An Azure Policy assignment that denies computes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicySeed {
    /// Name of the assignment.
    pub name: String,
    /// Deny computes of these VM sizes.
    #[serde(default)]
    pub denied_vm_sizes: Vec<String>,
    /// Deny computes that lack any of these tags.
    #[serde(default)]
    pub required_tags: Vec<String>,
}

/// Limits of one subscription in one region.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QuotaSeed {
    /// Subscription id.
    pub subscription: String,
    /// Region.
    pub location: String,
    /// Dedicated vCPUs of all families together.
    #[serde(default)]
    pub total_dedicated_cores: Option<i64>,
    /// Low-priority vCPUs of all families together.
    #[serde(default)]
    pub total_low_priority_cores: Option<i64>,
    /// Number of computes.
    #[serde(default)]
    pub total_clusters: Option<i64>,
    /// Dedicated vCPUs by family name.
    #[serde(default)]
    pub families: BTreeMap<String, i64>,
}

/// Request budgets: a token bucket per subscription, principal and kind of operation, and one over all principals.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ThrottleSeed {
    /// GET, and polls of operations.
    pub reads: BudgetSeed,
    /// PUT, PATCH and POST.
    pub writes: BudgetSeed,
    /// DELETE.
    pub deletes: BudgetSeed,
    /// How many times larger the budget over all principals is.
    pub global_factor: u32,
}

/// One token bucket.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BudgetSeed {
    /// Requests that may be sent at once.
    pub capacity: u32,
    /// Requests regained each second of wall time.
    pub per_second: f64,
}

impl Default for ThrottleSeed {
    /// The published limits of 2024: reads 250 and 25/s, writes and deletes 200 and 10/s, 15 times that over all principals
    /// (azureml-api g.1).
    fn default() -> Self {
        Self {
            reads: BudgetSeed { capacity: 250, per_second: 25.0 },
            writes: BudgetSeed { capacity: 200, per_second: 10.0 },
            deletes: BudgetSeed { capacity: 200, per_second: 10.0 },
            global_factor: 15,
        }
    }
}

impl ThrottleSeed {
    /// Budgets that no test or benchmark reaches.
    pub fn unlimited() -> Self {
        let budget = BudgetSeed { capacity: u32::MAX, per_second: 1e9 };
        Self { reads: budget, writes: budget, deletes: budget, global_factor: 1 }
    }
}

impl Default for Seed {
    /// One tenant, one principal, one subscription with the resource group `ml` and the workspaces `demo` (eastus) and
    /// `second` (westeurope).
    fn default() -> Self {
        let workspace = |name: &str, location: &str| WorkspaceSeed {
            name: name.into(),
            location: location.into(),
            tags: BTreeMap::new(),
            computes: Vec::new(),
        };
        Self {
            principals: vec![PrincipalSeed {
                tenant: TENANT.into(),
                client_id: CLIENT_ID.into(),
                client_secret: CLIENT_SECRET.into(),
                object_id: Some(OBJECT_ID.into()),
                denied: Vec::new(),
                role_assignments: None,
            }],
            identities: Vec::new(),
            only_listed_identities: false,
            subscriptions: vec![SubscriptionSeed {
                id: SUBSCRIPTION.into(),
                tenant: TENANT.into(),
                resource_groups: vec![GroupSeed {
                    name: "ml".into(),
                    lock: None,
                    workspaces: vec![workspace("demo", "eastus"), workspace("second", "westeurope")],
                }],
                policies: Vec::new(),
            }],
            locks: Vec::new(),
            resources: Vec::new(),
            only_listed_resources: false,
            quotas: Vec::new(),
            throttle: ThrottleSeed::default(),
            token_lifetime_seconds: 3599,
            page_size: 100,
            random: 1,
            clock: None,
        }
    }
}

impl Seed {
    /// Reads the text of a seed file.
    ///
    /// # Errors
    /// What is wrong, with its path, line and column, in words.
    pub fn from_json(text: &str) -> Result<Self, String> {
        crate::state::parse(text.as_bytes())
            .map_err(|error| format!("seed: {error}; the emulator's README shows all members"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_survives_a_round_trip() {
        let text = serde_json::to_string(&Seed::default()).unwrap();
        let back = Seed::from_json(&text).unwrap();
        assert_eq!(serde_json::to_string(&back).unwrap(), text);
    }

    #[test]
    fn default_seed_is_the_one_that_the_readme_shows() {
        let readme = include_str!("README.md");
        let block = readme.split("```json").nth(1).unwrap().split("```").next().unwrap();
        let shown = serde_json::to_value(Seed::from_json(block).unwrap()).unwrap();
        assert_eq!(shown, serde_json::to_value(Seed::default()).unwrap());
    }

    #[test]
    fn seed_with_a_misspelled_field_is_refused_by_name() {
        let error = Seed::from_json(r#"{"subscription": []}"#).unwrap_err();
        assert!(error.contains("unknown field `subscription`"), "{error}");
    }

    #[test]
    fn wrong_member_is_named_with_its_path_and_line() {
        for (text, part) in [
            ("{\n \"subscriptions\": [{\"id\": 1}]}", "seed: subscriptions[0].id: invalid type: integer `1`"),
            (r#"{"principals": [{"tenant": "t"}]}"#, "seed: principals[0]: missing field `clientId`"),
            (
                r#"{"subscriptions": [{"id": "a", "tenant": "b", "resourceGroups": [{"name": "g", "lock": "Maybe"}]}]}"#,
                "seed: subscriptions[0].resourceGroups[0].lock: unknown variant `Maybe`",
            ),
            (r#"{"throttle": {"reads": {"capacity": -1, "perSecond": 1}}}"#, "seed: throttle.reads.capacity: "),
            ("{} x", "seed: trailing characters at line 1"),
        ] {
            let error = Seed::from_json(text).unwrap_err();
            assert!(error.starts_with(part) && error.contains(" line "), "{error}");
        }
    }
}
