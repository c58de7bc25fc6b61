//! Requests that no client sends: whatever they are made of, the answer is ARM-shaped and the world stays whole.

use super::*;
use crate::random::Random;

const WORDS: [&str; 34] = [
    "subscriptions",
    "11111111-1111-1111-1111-111111111111",
    "resourceGroups",
    "ml",
    "providers",
    "Microsoft.MachineLearningServices",
    "workspaces",
    "demo",
    "computes",
    "cpu-cluster",
    "listNodes",
    "listKeys",
    "start",
    "locations",
    "eastus",
    "vmSizes",
    "usages",
    "quotas",
    "updateQuotas",
    "computeOperationsStatus",
    "checkComputeNameAvailability",
    "",
    ".",
    "..",
    "%2f",
    "%",
    "%00",
    "é",
    "a b",
    "metadata",
    "endpoints",
    "oauth2",
    "v2.0",
    "token",
];

const METHODS: [&str; 7] = ["GET", "PUT", "PATCH", "POST", "DELETE", "HEAD", "BREW"];

struct Chaos(Random);

impl Chaos {
    fn below(&mut self, bound: usize) -> usize {
        (self.0.next() % bound as u64) as usize
    }

    fn path(&mut self) -> String {
        // Half of the paths are real ones with something wrong in them.
        let mut parts: Vec<&str> = if self.below(2) == 0 { DEMO.split('/').collect() } else { vec![""] };
        for _ in 0..self.below(6) {
            parts.push(WORDS[self.below(WORDS.len())]);
        }
        if self.below(4) == 0 {
            let at = self.below(parts.len());
            parts[at] = WORDS[self.below(WORDS.len())];
        }
        parts.join("/")
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 7 } else { 9 }) {
            0 => Value::Null,
            1 => json!(true),
            2 => json!(self.0.next() as i64),
            3 => json!(-1.5e300),
            4 => json!(""),
            5 => json!("x".repeat(self.below(600))),
            6 => json!(WORDS[self.below(WORDS.len())]),
            7 => (0..self.below(4)).map(|_| self.value(depth - 1)).collect(),
            _ => self.body(depth - 1),
        }
    }

    fn body(&mut self, depth: usize) -> Value {
        const NAMES: [&str; 16] = [
            "properties",
            "location",
            "tags",
            "identity",
            "computeType",
            "vmSize",
            "scaleSettings",
            "minNodeCount",
            "maxNodeCount",
            "nodeIdleTimeBeforeScaleDown",
            "subnet",
            "userAccountCredentials",
            "userAssignedIdentities",
            "value",
            "Name",
            "id",
        ];
        let mut body = json!({});
        for _ in 0..self.below(5) {
            let name = NAMES[self.below(NAMES.len())];
            body[name] = self.value(depth);
        }
        body
    }

    /// A good body with one member changed to anything.
    fn twisted(&mut self) -> Value {
        let mut body = cluster("Standard_D2_v2", 0, 4);
        body["tags"] = json!({"a": "b"});
        body["identity"] = json!({"type": "SystemAssigned"});
        let places = ["", "/properties", "/properties/properties", "/properties/properties/scaleSettings"];
        let place = places[self.below(places.len())];
        let value = self.value(3);
        if let Some(object) = body.pointer_mut(place).and_then(Value::as_object_mut) {
            let names: Vec<String> = object.keys().cloned().collect();
            let name = names[self.below(names.len())].clone();
            object.insert(name, value);
        }
        body
    }
}

#[test]
fn no_request_gets_a_500_or_another_shape() {
    let mut bench = Bench::with(&Seed { throttle: crate::seed::ThrottleSeed::unlimited(), ..Seed::default() });
    let mut chaos = Chaos(Random::new(99));
    for round in 0..6_000 {
        let method = METHODS[chaos.below(METHODS.len())];
        let path = match chaos.below(3) {
            0 => format!("{DEMO}/computes/c{}", chaos.below(20)),
            _ => chaos.path(),
        };
        let body = if chaos.below(2) == 0 { chaos.twisted() } else { chaos.value(4) };
        let body = (chaos.below(4) > 0).then_some(body);
        let answer = bench.send(method, &path, body.as_ref());
        assert!(answer.status < 500, "{round}: {method} {path} {body:?}: {answer:?}");
        if answer.status >= 400 && !answer.body.is_empty() {
            let shown: Value = serde_json::from_slice(&answer.body).unwrap();
            let arm = shown["error"]["code"].is_string() && shown["error"]["message"].is_string();
            let entra = shown["error"].is_string() && shown["error_codes"].is_array();
            assert!(arm || entra, "{round}: {method} {path}: {shown}");
        }
        bench.pass(i64::try_from(chaos.below(30)).unwrap());
        if round % 100 == 0 {
            assert_eq!(bench.get(&format!("{DEMO}/computes")).0, 200);
        }
    }
}
