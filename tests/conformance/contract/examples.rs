//! The published examples: each is sent to an emulator in which it can be sent, and its answer must hold all that the
//! example's holds.
//!
//! Must not compare values: the examples are about no world in particular.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use emulator::{GroupSeed, Seed, SubscriptionSeed, TENANT};
use serde_json::{Value, json};

use crate::compare::{Finding, Kind};
use crate::tape::Step;
use crate::world::{Reply, World};

/// One file of examples, for one api-version.
pub(crate) struct Example {
    /// As in `Compute/get/AmlCompute`.
    pub(crate) name: String,
    pub(crate) version: String,
    parameters: Value,
    answers: Value,
}

/// What the examples name that no world of today has, what is used instead in computes that an example only presupposes,
/// and why.
const INSTEAD: [(&str, &str); 2] = [
    // Retired; a compute of this size could be asked for but not made.
    ("\"STANDARD_NC6\"", "\"STANDARD_DS3_V2\""),
    // No ARM id.
    (
        "\"test-subnet-resource-id\"",
        "\"/subscriptions/34adfa4f-cedf-4dc0-ba29-b6d1a69ab345/resourceGroups/testrg123/providers/Microsoft.Network/virtualNetworks/net/subnets/nodes\"",
    ),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/azureml/examples")
}

fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// The api-versions that examples are at hand for.
pub(crate) fn versions() -> Vec<String> {
    let folders = std::fs::read_dir(folder()).unwrap();
    folders.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The examples published for an api-version; those of 2024-04-01 are taken for the newest too, whose own have the same
/// names and shapes (tests/data/azureml/PROVENANCE.md).
pub(crate) fn all(version: &str) -> Vec<Example> {
    let root = folder().join(if version == "2026-05-01" { "2024-04-01" } else { version });
    let mut open = vec![root.clone()];
    let mut examples = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let name = path.strip_prefix(&root).unwrap().with_extension("").to_string_lossy().into_owned();
            let Value::Object(mut file) = read(&path) else { panic!("{} is no object", path.display()) };
            let mut take = |key: &str| file.remove(key).unwrap();
            let (parameters, answers) = (take("parameters"), take("responses"));
            examples.push(Example { name, version: version.to_owned(), parameters, answers });
        }
    }
    examples.sort_by(|one, other| one.name.cmp(&other.name));
    examples
}

impl Example {
    /// The method and the target of its request.
    pub(crate) fn request(&self) -> (&'static str, String) {
        let of = |name: &str| self.parameters[name].as_str().unwrap_or_default();
        let location = format!(
            "/subscriptions/{}/providers/Microsoft.MachineLearningServices/locations/{}",
            of("subscriptionId"),
            of("location")
        );
        let computes = format!("{}/computes", self.workspace());
        let compute = format!("{computes}/{}", of("computeName"));
        let (kind, rest) = self.name.split_once('/').unwrap();
        let (method, path) = match (kind, rest) {
            ("Quota", "list") => ("GET", format!("{location}/quotas")),
            ("Quota", "update") => ("POST", format!("{location}/updateQuotas")),
            ("Usage", _) => ("GET", format!("{location}/usages")),
            ("VirtualMachineSize", _) => ("GET", format!("{location}/vmSizes")),
            (_, "list") => ("GET", computes),
            (_, "delete") => ("DELETE", compute),
            (_, "patch") => ("PATCH", compute),
            (_, "updateCustomServices") => ("POST", format!("{compute}/customServices")),
            (_, "getAllowedVMSizesForResize") => ("POST", format!("{compute}/getAllowedVmSizesForResize")),
            (_, rest) if rest.starts_with("createOrUpdate/") => ("PUT", compute),
            (_, rest) if rest.starts_with("get/") => ("GET", compute),
            (_, action) => ("POST", format!("{compute}/{action}")),
        };
        let query = match self.parameters["underlyingResourceAction"].as_str() {
            Some(action) => format!("api-version={}&underlyingResourceAction={action}", self.version),
            None => format!("api-version={}", self.version),
        };
        (method, format!("{path}?{query}"))
    }

    /// The body of its request, as published.
    pub(crate) fn body(&self) -> Option<&Value> {
        let parameters = self.parameters.as_object()?;
        parameters.values().find(|value| value.is_object() || value.is_array())
    }

    /// The body that is sent: what no Azure would take is replaced.
    pub(crate) fn sent(&self) -> Option<Value> {
        self.body().map(|body| serde_json::from_str(&instead(&body.to_string())).unwrap())
    }

    fn workspace(&self) -> String {
        let of = |name: &str| self.parameters[name].as_str().unwrap_or("none");
        format!(
            "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.MachineLearningServices/workspaces/{}",
            of("subscriptionId"),
            of("resourceGroupName"),
            of("workspaceName")
        )
    }

    /// A world in which the example can be sent.
    pub(crate) async fn world(&self) -> World {
        let whole = format!("{} {} \"{}\"", self.parameters, self.answers, self.workspace());
        let mut groups: BTreeSet<(&str, &str)> = BTreeSet::new();
        for id in whole.split('"').filter(|text| text.starts_with("/subscriptions/")) {
            let parts: Vec<&str> = id.split('/').collect();
            if let Some((group, workspace)) = parts.get(4).zip(parts.get(8)).filter(|_| parts[7] == "workspaces") {
                groups.insert((*group, *workspace));
            }
        }
        let location = self.parameters["location"].as_str().unwrap_or("eastus");
        let mut resource_groups: Vec<GroupSeed> = Vec::new();
        for (group, workspace) in groups {
            let workspace = serde_json::from_value(json!({"name": workspace, "location": location})).unwrap();
            match resource_groups.iter_mut().find(|known| known.name == group) {
                Some(known) => known.workspaces.push(workspace),
                None => {
                    let made: GroupSeed = serde_json::from_value(json!({"name": group})).unwrap();
                    resource_groups.push(GroupSeed { workspaces: vec![workspace], ..made });
                }
            }
        }
        let id = self.parameters["subscriptionId"].as_str().unwrap();
        let subscription: SubscriptionSeed = serde_json::from_value(json!({"id": id, "tenant": TENANT})).unwrap();
        let seed =
            Seed { subscriptions: vec![SubscriptionSeed { resource_groups, ..subscription }], ..Seed::default() };
        let world = World::with(seed, self.workspace()).await;
        world.walk(&self.presupposed()).await;
        world
    }

    /// What leads to the world that the example is about.
    fn presupposed(&self) -> Vec<Step> {
        let Some(name) = self.parameters["computeName"].as_str() else {
            return if self.name == "Compute/list" { made("listed", "AKSCompute", &self.version) } else { Vec::new() };
        };
        let what = self.name.strip_prefix("Compute/").unwrap_or_default();
        match what {
            // The specification calls these two examples updates, and they lack what a create needs.
            "get/AmlCompute" | "get/ComputeInstance" => self.described(name),
            "createOrUpdate/AmlCompute" => made(name, "BasicAmlCompute", &self.version),
            "createOrUpdate/AKSCompute" => made(name, "BasicAKSCompute", &self.version),
            _ if what.starts_with("createOrUpdate/") => Vec::new(),
            _ if what.starts_with("get/") => made(name, what.trim_start_matches("get/"), &self.version),
            "patch" | "delete" => made(name, "BasicAmlCompute", &self.version),
            "listNodes" => {
                let mut steps = made(name, "BasicAmlCompute", &self.version);
                let run = json!({"event": "runSubmitted", "compute": name, "nodes": 1});
                steps.extend([Step::Event { event: run }, wait()]);
                steps
            }
            "listKeys" => made(name, "AKSCompute", &self.version),
            "start" | "resize" => {
                let mut steps = made(name, "ComputeInstanceMinimal", &self.version);
                steps.extend([Step::Post { post: format!("{name}/stop") }, wait()]);
                steps
            }
            _ => made(name, "ComputeInstanceMinimal", &self.version),
        }
    }

    /// A compute with all that the example of a GET shows of what a PUT can say.
    fn described(&self, name: &str) -> Vec<Step> {
        let shown = &self.answers["200"]["body"]["properties"];
        let (example, shows) = match shown["computeType"].as_str() {
            Some("AmlCompute") => ("BasicAmlCompute", "subnet"),
            _ => ("ComputeInstance", "customServices"),
        };
        let mut steps = made(name, example, &self.version);
        if let Some(Step::Put { body, .. }) = steps.first_mut() {
            body["properties"]["description"] = shown["description"].clone();
            let value = instead(&shown["properties"][shows].to_string());
            body["properties"]["properties"][shows] = serde_json::from_str(&value).unwrap();
        }
        steps
    }

    /// Where an answer to it is none that it shows, judged by itself because no document at hand has its operation.
    pub(crate) fn unlike(&self, reply: &Reply) -> Vec<Finding> {
        let Some(answer) = self.answers.get(reply.status.to_string()) else {
            let at = format!("status {}", reply.status);
            return vec![Finding { at, kind: Kind::Undeclared, text: "is not among the example's".into() }];
        };
        let bodies = answer.get("body").is_none() && !reply.body.is_null();
        let body = || Finding { at: "answer".into(), kind: Kind::Undeclared, text: "a body".into() };
        bodies.then(body).into_iter().collect()
    }

    /// Where an answer does not hold what the example's holds.
    pub(crate) fn lacks(&self, reply: &Reply) -> Vec<Finding> {
        let mut findings = Vec::new();
        let Some(answer) = self.answers.get(reply.status.to_string()) else { return findings };
        for name in answer["headers"].as_object().into_iter().flat_map(serde_json::Map::keys) {
            if !reply.headers.contains_key(&name.to_ascii_lowercase()) {
                findings.push(Finding { at: format!("header {name}"), kind: Kind::Lacking, text: String::new() });
            }
        }
        holds("answer ", &answer["body"], &reply.body, &mut findings);
        findings
    }
}

/// A compute as an example makes it, and the time that takes.
fn made(name: &str, example: &str, version: &str) -> Vec<Step> {
    let folder = folder().join(if version.ends_with("-preview") { "2024-04-01-preview" } else { "2024-04-01" });
    let file = read(&folder.join("Compute/createOrUpdate").join(example).with_extension("json"));
    let body = instead(&file["parameters"]["parameters"].to_string());
    vec![Step::Put { put: name.to_owned(), body: serde_json::from_str(&body).unwrap() }, wait()]
}

/// A text of an example with what can be made today.
fn instead(published: &str) -> String {
    INSTEAD.iter().fold(published.to_owned(), |text, (old, new)| text.replace(old, new))
}

fn wait() -> Step {
    Step::Advance { advance: jiff::SignedDuration::from_mins(10) }
}

/// Everything that the example shows and ours has not, or has as another type.
fn holds(at: &str, example: &Value, ours: &Value, findings: &mut Vec<Finding>) {
    let mut lacking = |text: &str| {
        findings.push(Finding { at: at.to_owned(), kind: Kind::Lacking, text: text.to_owned() });
    };
    match (example, ours) {
        (Value::Null, _) => {}
        (Value::Object(example), Value::Object(ours)) => {
            for (name, value) in example {
                let at = format!("{at}/{name}");
                match ours.get(name) {
                    Some(other) => holds(&at, value, other, findings),
                    None => findings.push(Finding { at, kind: Kind::Lacking, text: value.to_string() }),
                }
            }
        }
        (Value::Array(example), Value::Array(ours)) => match (example.first(), ours.first()) {
            (Some(one), Some(other)) => holds(&format!("{at}/*"), one, other, findings),
            (Some(_), None) => lacking("an item"),
            (None, _) => {}
        },
        (Value::Bool(_), Value::Bool(_))
        | (Value::Number(_), Value::Number(_))
        | (Value::String(_), Value::String(_)) => {}
        (example, ours) => lacking(&format!("{ours}, the example has {example}")),
    }
}
