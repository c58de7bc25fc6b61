//! Tests of the world as a whole, request by request, with a clock that stands still until it is moved. Opens no socket.

mod attached;
mod clusters;
mod disorder;
mod governance;
mod hands;
mod hostile;
mod instances;
mod refusals;
mod regional;
mod regions;
mod roles;
mod state;
mod subscriptions;
mod workdays;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    delivery::Plan,
    events::Event,
    faults::Fault,
    message::{Request, Response},
    seed::{CLIENT_ID, OBJECT_ID, Seed, TENANT},
    time::{self, Now},
    token::Claims,
    world::World,
};

const DEMO: &str = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/ml/providers/Microsoft.MachineLearningServices/workspaces/demo";

/// A world, its time, and a caller with a good token.
struct Bench {
    world: World,
    now: Now,
    version: &'static str,
    /// Tenant and client id of who asks.
    caller: (&'static str, &'static str),
}

impl Bench {
    fn new() -> Self {
        Self::with(&Seed::default())
    }

    fn with(seed: &Seed) -> Self {
        let start: Timestamp = "2026-11-21T08:00:00Z".parse().unwrap();
        let now = Now { wall: start, service: start };
        Self { world: World::new(seed.clone(), now).unwrap(), now, version: "2026-05-01", caller: (TENANT, CLIENT_ID) }
    }

    fn pass(&mut self, seconds: i64) {
        self.now.service = time::after(self.now.service, SignedDuration::from_secs(seconds));
    }

    fn send(&mut self, method: &str, target: &str, body: Option<&Value>) -> Response {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (tenant, client) = self.caller;
        let claims = Claims::of("https://management.azure.com", tenant, client, OBJECT_ID, self.now.wall, 3600);
        let mut request = Request {
            method: method.into(),
            path: path.into(),
            query: if query.contains("api-version") {
                query.into()
            } else {
                format!("api-version={}&{query}", self.version)
            },
            headers: vec![("authorization".into(), format!("Bearer {}", claims.encode()))],
            body: body.map(|body| body.to_string().into()).unwrap_or_default(),
            base: "http://127.0.0.1:1".into(),
        };
        if body.is_some() {
            request.headers.push(("content-type".into(), "application/json".into()));
        }
        let plan = Plan::of(self.world.faults.strike(&request));
        let answer = self.world.answer(&request, &plan, self.now);
        plan.alter(answer)
    }

    fn get(&mut self, path: &str) -> (u16, Value) {
        read(&self.send("GET", path, None))
    }

    fn put(&mut self, name: &str, body: &Value) -> Response {
        self.send("PUT", &format!("{DEMO}/computes/{name}"), Some(body))
    }

    fn compute(&mut self, name: &str) -> Value {
        self.get(&format!("{DEMO}/computes/{name}")).1
    }

    fn poll(&mut self, answer: &Response) -> Value {
        let url = answer.header("Azure-AsyncOperation").expect("an operation").to_owned();
        let (status, body) = self.get(url.strip_prefix("http://127.0.0.1:1").unwrap());
        assert_eq!(status, 200);
        body
    }

    /// Makes a cluster and waits until it is Succeeded.
    fn made(&mut self, name: &str, body: &Value) -> Value {
        let answer = self.put(name, body);
        assert_eq!(answer.status, 201, "{:?}", answer.body);
        self.pass(22);
        assert_eq!(self.poll(&answer)["status"], "Succeeded");
        self.compute(name)
    }

    fn event(&mut self, event: &Value) -> Result<String, String> {
        let event: Event = serde_json::from_value(event.clone()).unwrap();
        self.world.happen(event, self.now)
    }

    fn fault(&mut self, fault: &Value) {
        let fault: Fault = serde_json::from_value(fault.clone()).unwrap();
        self.world.faults.add(fault);
    }
}

fn read(response: &Response) -> (u16, Value) {
    let body = if response.body.is_empty() { Value::Null } else { serde_json::from_slice(&response.body).unwrap() };
    (response.status, body)
}

fn cluster(size: &str, min: u32, max: u32) -> Value {
    json!({"location": "eastus", "properties": {"computeType": "AmlCompute", "properties": {
        "vmSize": size, "scaleSettings": {"minNodeCount": min, "maxNodeCount": max}}}})
}

fn code(response: &Response) -> (u16, String) {
    let (status, body) = read(response);
    (status, body["error"]["code"].as_str().unwrap_or_default().to_owned())
}
