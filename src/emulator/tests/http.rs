//! The running emulator over real sockets: both planes, TLS, tokens, faults, throttling and hostile input.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use amlco_emulator::{CLIENT_ID, CLIENT_SECRET, Config, Emulator, SUBSCRIPTION, TENANT, spawn};
use serde_json::{Value, json};

/// An emulator and a client that trusts its certificate authority.
struct Bench {
    emulator: Emulator,
    client: reqwest::Client,
}

impl Bench {
    async fn new() -> Self {
        Self::with(Config { time_scale: 0.0, ..Config::default() }).await
    }

    async fn with(config: Config) -> Self {
        // Another test of this process may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let emulator = spawn(config).await.expect("the emulator starts");
        let authority = reqwest::Certificate::from_pem(emulator.ca_pem().as_bytes()).unwrap();
        let client = reqwest::Client::builder().tls_certs_only([authority]).no_proxy().timeout(Duration::from_secs(20));
        Self { client: client.build().unwrap(), emulator }
    }

    async fn token(&self) -> String {
        let form = format!(
            "grant_type=client_credentials&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}&scope=https%3A%2F%2Fmanagement.azure.com%2F.default"
        );
        let url = format!("{}/{TENANT}/oauth2/v2.0/token", self.emulator.tls_url());
        let request = self.client.post(url).header("content-type", "application/x-www-form-urlencoded").body(form);
        let body: Value = request.send().await.unwrap().json().await.unwrap();
        body["access_token"].as_str().unwrap().to_owned()
    }
}

fn computes(base: &str, rest: &str) -> String {
    format!(
        "{base}/subscriptions/{SUBSCRIPTION}/resourceGroups/ml/providers/Microsoft.MachineLearningServices/workspaces/demo/computes{rest}?api-version=2026-05-01"
    )
}

fn cluster() -> Value {
    json!({"location": "eastus", "properties": {"computeType": "AmlCompute", "properties": {
        "vmSize": "STANDARD_D2_V2", "scaleSettings": {"maxNodeCount": 4}}}})
}

#[tokio::test]
async fn cluster_is_made_over_tls_with_a_token_from_the_emulators_own_authority() {
    let bench = Bench::new().await;
    let token = bench.token().await;
    let base = bench.emulator.tls_url().to_owned();
    let put = bench.client.put(computes(&base, "/cpu-cluster")).bearer_auth(&token).json(&cluster());
    let answer = put.send().await.unwrap();
    assert_eq!(answer.status(), 201);
    let operation = answer.headers()["azure-asyncoperation"].to_str().unwrap().to_owned();
    assert!(operation.starts_with(&base), "{operation}");
    bench.emulator.advance("PT22S".parse().unwrap());
    let poll: Value = bench.client.get(&operation).bearer_auth(&token).send().await.unwrap().json().await.unwrap();
    assert_eq!(poll["status"], "Succeeded");
    let list = bench.client.get(computes(&base, "")).bearer_auth(&token).send().await.unwrap();
    let list: Value = list.json().await.unwrap();
    assert_eq!(list["value"][0]["properties"]["provisioningState"], "Succeeded");
    assert!(list.get("nextLink").is_none());
    bench.emulator.stop().await;
}

impl Bench {
    async fn manage(&self, method: reqwest::Method, path: &str, body: &str) -> (u16, Value) {
        let url = format!("{}{path}", self.emulator.management_url());
        let answer = self.client.request(method, url).body(body.to_owned()).send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    async fn fault(&self, fault: &Value) {
        let (status, body) = self.manage(reqwest::Method::POST, "/faults", &fault.to_string()).await;
        assert_eq!(status, 200, "{body}");
    }

    /// Sends raw bytes to the HTTP data plane and reads what comes back until the connection ends.
    async fn raw(&self, bytes: &[u8]) -> String {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let address = self.emulator.url().strip_prefix("http://").unwrap();
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
        assert!(read.is_ok(), "the connection stays open");
        String::from_utf8_lossy(&answer).into_owned()
    }
}

#[tokio::test]
async fn ready_record_names_every_address_and_the_directory_goes_with_the_emulator() {
    let bench = Bench::new().await;
    let ready = serde_json::to_value(bench.emulator.ready()).unwrap();
    let names: Vec<&String> = ready.as_object().unwrap().keys().collect();
    for name in ["url", "tlsUrl", "caFile", "managementUrl", "pid"] {
        assert!(names.iter().any(|known| *known == name), "{name}");
    }
    let file = bench.emulator.ca_file().to_owned();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), bench.emulator.ca_pem());
    assert_eq!(bench.manage(reqwest::Method::GET, "/healthz", "").await.0, 200);
    bench.emulator.stop().await;
    assert!(!file.exists() && !file.parent().unwrap().exists());
}

#[tokio::test]
async fn emulator_that_is_stopped_or_dropped_listens_no_more() {
    for drop_it in [true, false] {
        let bench = Bench::new().await;
        let address = bench.emulator.url().strip_prefix("http://").unwrap().to_owned();
        if drop_it {
            drop(bench.emulator);
        } else {
            bench.emulator.stop().await;
        }
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        while tokio::net::TcpStream::connect(&address).await.is_ok() {
            assert!(std::time::Instant::now() < deadline, "it still listens");
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn wrong_settings_are_told_in_words() {
    let error = spawn(Config { time_scale: f64::NAN, ..Config::default() }).await.unwrap_err();
    assert_eq!(error.to_string(), "emulator: the time scale must be a number from 0 to 1000000");
    let taken = Bench::new().await;
    let listen = taken.emulator.url().strip_prefix("http://").unwrap().parse().unwrap();
    let error = spawn(Config { listen, ..Config::default() }).await.unwrap_err();
    assert!(error.to_string().starts_with("emulator: data plane: cannot listen on 127.0.0.1:"), "{error}");
}

#[tokio::test]
async fn journal_shows_what_was_asked_without_credentials() {
    let bench = Bench::new().await;
    let token = bench.token().await;
    let put = bench.client.put(computes(bench.emulator.url(), "/cpu-cluster")).bearer_auth(&token).json(&cluster());
    put.send().await.unwrap();
    let (_, all) = bench.manage(reqwest::Method::GET, "/journal?since=0", "").await;
    let text = all.to_string();
    assert!(!text.contains(CLIENT_SECRET) && !text.contains(&token), "{text}");
    let entry = &all[1];
    assert_eq!((&entry["seq"], &entry["method"], &entry["status"]), (&json!(2), &json!("PUT"), &json!(201)));
    assert_eq!(entry["requestBody"]["properties"]["computeType"], "AmlCompute");
    assert_eq!(entry["responseBody"]["properties"]["provisioningState"], "Creating");
    assert!(entry["responseHeaders"]["azure-asyncoperation"].is_string() && entry["query"] == "api-version=2026-05-01");
    assert_eq!(bench.manage(reqwest::Method::GET, "/journal?since=1", "").await.1.as_array().unwrap().len(), 1);
    assert_eq!(bench.manage(reqwest::Method::DELETE, "/journal", "").await.0, 204);
    assert!(bench.emulator.journal().is_empty());
}

#[tokio::test]
async fn management_plane_moves_the_clock_shows_the_world_and_takes_events() {
    let bench = Bench::new().await;
    let token = bench.token().await;
    bench.client.put(computes(bench.emulator.url(), "/cpu")).bearer_auth(&token).json(&cluster()).send().await.unwrap();
    assert_eq!(bench.manage(reqwest::Method::POST, "/clock/advance", r#"{"by": "PT1M"}"#).await.0, 200);
    let (_, world) = bench.manage(reqwest::Method::GET, "/world", "").await;
    let workspace = &world["subscriptions"][SUBSCRIPTION]["resourceGroups"]["ml"]["workspaces"]["demo"];
    assert_eq!(workspace["computes"]["cpu"]["properties"]["provisioningState"], "Succeeded");
    let event = r#"{"event": "runSubmitted", "compute": "cpu", "nodes": 1, "run": "r1"}"#;
    assert_eq!(bench.manage(reqwest::Method::POST, "/world/events", event).await, (200, json!({"result": "r1"})));
    for (path, body, part) in [
        ("/clock/advance", r#"{"by": "soon"}"#, ""),
        ("/clock/advance", r#"{"by": "-PT1M"}"#, "time cannot go back"),
        ("/clock/advance", r#"{"to": "x"}"#, "unknown field `to`"),
        ("/world/events", r#"{"event": "flood"}"#, "unknown variant `flood`"),
        ("/world/events", r#"{"event": "computeDeleted"}"#, "missing field `compute`"),
        ("/faults", "[", "the body is no JSON"),
        ("/faults", r#"{"effect": {"kind": "delay"}}"#, "missing field `by`"),
    ] {
        let (status, answer) = bench.manage(reqwest::Method::POST, path, body).await;
        assert_eq!(status, 400, "{path} {body}");
        assert!(answer["error"].as_str().unwrap().contains(part), "{answer}");
    }
    assert_eq!(bench.manage(reqwest::Method::GET, "/journal?since=x", "").await.0, 400);
    assert_eq!(bench.manage(reqwest::Method::PUT, "/faults", "").await.0, 405);
    assert_eq!(bench.manage(reqwest::Method::GET, "/nothing", "").await.0, 404);
}

#[tokio::test]
async fn connections_are_dropped_before_or_after_the_effect() {
    let bench = Bench::new().await;
    let token = bench.token().await;
    for base in [bench.emulator.url().to_owned(), bench.emulator.tls_url().to_owned()] {
        for (when, made) in [("beforeEffect", 404), ("afterEffect", 200)] {
            bench.fault(&json!({"match": {"method": "PUT"}, "effect": {"kind": "dropConnection", "when": when}})).await;
            let name = format!("/{}-{}", if base.starts_with("https") { "tls" } else { "plain" }, when.to_lowercase());
            let put = bench.client.put(computes(&base, &name)).bearer_auth(&token).json(&cluster());
            assert!(put.send().await.is_err(), "{when}");
            let get = bench.client.get(computes(&base, &name)).bearer_auth(&token).send().await.unwrap();
            assert_eq!(get.status(), made, "{when}");
        }
    }
    let dropped = bench.emulator.journal().iter().filter(|entry| entry.status.is_none()).count();
    assert_eq!(dropped, 4);
}

#[tokio::test]
async fn answers_are_replaced_cut_short_padded_and_delayed() {
    let bench = Bench::new().await;
    let token = bench.token().await;
    let get = || bench.client.get(computes(bench.emulator.url(), "")).bearer_auth(&token).send();

    bench.fault(&json!({"effect": {"kind": "respond", "status": 503, "headers": {"Retry-After": "3"}, "body": {"error": {"code": "ServiceUnavailable"}}}})).await;
    let answer = get().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].to_str().unwrap()), (503, "3"));
    bench.fault(&json!({"effect": {"kind": "html", "status": 502}})).await;
    let answer = get().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["content-type"].to_str().unwrap()), (502, "text/html"));
    assert!(answer.text().await.unwrap().starts_with("<html>"));
    bench.fault(&json!({"effect": {"kind": "truncateBody", "bytes": 5}})).await;
    let answer = get().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.bytes().await.is_err());
    bench.fault(&json!({"effect": {"kind": "hugeBody", "bytes": 10_000_000}})).await;
    let body = get().await.unwrap().bytes().await.unwrap();
    assert!(body.len() > 10_000_000 && serde_json::from_slice::<Value>(&body).is_ok());
    bench.fault(&json!({"effect": {"kind": "delay", "by": "PT0.2S"}})).await;
    let started = std::time::Instant::now();
    assert_eq!(get().await.unwrap().status(), 200);
    assert!(started.elapsed() >= Duration::from_millis(200));
    bench
        .fault(&json!([{"times": 0, "effect": {"kind": "foreignOperationUrl", "origin": "https://example.org"}}]))
        .await;
    let put = bench.client.put(computes(bench.emulator.url(), "/cpu")).bearer_auth(&token).json(&cluster());
    let answer = put.send().await.unwrap();
    assert!(
        answer.headers()["azure-asyncoperation"].to_str().unwrap().starts_with("https://example.org/subscriptions/")
    );
    assert_eq!(bench.manage(reqwest::Method::GET, "/faults", "").await.1.as_array().unwrap().len(), 1);
    assert_eq!(bench.manage(reqwest::Method::DELETE, "/faults", "").await.0, 204);
    assert_eq!(bench.manage(reqwest::Method::GET, "/faults", "").await.1, json!([]));
}

#[tokio::test]
async fn budgets_are_counted_in_wall_time_and_told_in_headers() {
    let mut seed = amlco_emulator::Seed::default();
    seed.throttle.reads = amlco_emulator::BudgetSeed { capacity: 3, per_second: 0.01 };
    let bench = Bench::with(Config { seed, time_scale: 1000.0, ..Config::default() }).await;
    let token = bench.token().await;
    let mut left = Vec::new();
    for _ in 0..3 {
        let answer = bench.client.get(computes(bench.emulator.url(), "")).bearer_auth(&token).send().await.unwrap();
        left.push(answer.headers()["x-ms-ratelimit-remaining-subscription-reads"].to_str().unwrap().to_owned());
    }
    assert_eq!(left, ["2", "1", "0"]);
    bench.emulator.advance("PT1H".parse().unwrap());
    let answer = bench.client.get(computes(bench.emulator.url(), "")).bearer_auth(&token).send().await.unwrap();
    assert_eq!(answer.status(), 429);
    let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((90..=100).contains(&wait), "{wait}");
}

#[tokio::test]
async fn virtual_time_runs_at_its_scale() {
    let bench = Bench::with(Config { time_scale: 1000.0, ..Config::default() }).await;
    let token = bench.token().await;
    let put = bench.client.put(computes(bench.emulator.url(), "/cpu")).bearer_auth(&token).json(&cluster());
    let operation = put.send().await.unwrap().headers()["azure-asyncoperation"].to_str().unwrap().to_owned();
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    loop {
        let poll = bench.client.get(&operation).bearer_auth(&token).send().await.unwrap();
        if poll.json::<Value>().await.unwrap()["status"] == "Succeeded" {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "22 virtual seconds take 22 milliseconds");
    }
}

#[tokio::test]
async fn hostile_input_gets_arm_errors_and_leaves_the_emulator_well() {
    let bench = Bench::new().await;
    let token = bench.token().await;
    let base = bench.emulator.url().to_owned();
    let big = vec![b'x'; 10 * 1024 * 1024];
    let put = bench.client.put(computes(&base, "/cpu")).bearer_auth(&token).header("content-type", "application/json");
    assert_eq!(put.body(big).send().await.unwrap().status(), 413);
    let nested = "[".repeat(100_000);
    let put = bench.client.put(computes(&base, "/cpu")).bearer_auth(&token).header("content-type", "application/json");
    assert_eq!(put.body(nested).send().await.unwrap().status(), 400);
    let put = bench.client.put(computes(&base, "/cpu")).bearer_auth(&token).header("content-type", "text/xml");
    assert_eq!(put.body("<x/>").send().await.unwrap().status(), 415);

    let authorization = format!("Host: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n");
    for target in [
        "/",
        "//",
        "/%",
        "/%00",
        "/subscriptions",
        "/subscriptions/%2e%2e/providers",
        "/subscriptions/11111111-1111-1111-1111-111111111111",
        "/subscriptions/x/resourceGroups/y/providers/Microsoft.MachineLearningServices/workspaces/..%2fz/computes",
        "/subscriptions/11111111-1111-1111-1111-111111111111/providers/Microsoft.MachineLearningServices/locations/eastus/computeOperationsStatus/%F0%9F%98%80?api-version=2026-05-01",
        "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/ml/providers/Microsoft.MachineLearningServices/workspaces/demo/computes?api-version=2026-05-01&$skip=-1",
    ] {
        for method in ["GET", "PUT", "POST", "DELETE", "PATCH", "BREW"] {
            let answer = bench.raw(format!("{method} {target} HTTP/1.1\r\n{authorization}").as_bytes()).await;
            let status = answer.split(' ').nth(1).unwrap_or_default().to_owned();
            assert!(status.starts_with('4'), "{method} {target}: {answer}");
            let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
            let body: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{method} {target}: {answer}"));
            assert!(body["error"]["code"].is_string(), "{method} {target}: {body}");
        }
    }
    for nonsense in [
        b"\x16\x03\x01\x02".to_vec(),
        b"GET\r\n\r\n".to_vec(),
        vec![0; 1000],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nxxxxxxxxxxxxx".to_vec(),
    ] {
        let mut nonsense = nonsense;
        nonsense.extend_from_slice(b"\r\n\r\n");
        let _ = bench.raw(&nonsense).await;
    }
    assert_eq!(bench.client.get(computes(&base, "")).bearer_auth(&token).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn both_http_versions_are_spoken_over_tls() {
    let bench = Bench::new().await;
    let url = format!("{}/metadata/endpoints?api-version=2019-05-01", bench.emulator.tls_url());
    let answer = bench.client.get(&url).send().await.unwrap();
    assert_eq!(answer.version(), reqwest::Version::HTTP_2);
    let authority = reqwest::Certificate::from_pem(bench.emulator.ca_pem().as_bytes()).unwrap();
    let old = reqwest::Client::builder().tls_certs_only([authority]).no_proxy().http1_only().build().unwrap();
    let url = url.replace("127.0.0.1", "localhost");
    assert_eq!(old.get(&url).send().await.unwrap().version(), reqwest::Version::HTTP_11);
}
