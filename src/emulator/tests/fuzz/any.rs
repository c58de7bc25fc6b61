//! Anything that can be sent: requests near the real ones and far from them, and files with something wrong in them. Sends nothing.

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Map, Value, json};

const DEMO: &str = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/ml/providers/Microsoft.MachineLearningServices/workspaces/demo";

/// A request as it goes out.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    /// A plain list of computes.
    pub(crate) fn list(token: &str) -> Self {
        Self {
            method: "GET".into(),
            target: format!("{DEMO}/computes?api-version=2026-05-01"),
            headers: vec![("Authorization".into(), format!("Bearer {token}"))],
            body: Vec::new(),
        }
    }

    /// Whether its request line is outside HTTP's grammar, so that a server may end the connection without a word.
    pub(crate) fn may_be_no_http(&self) -> bool {
        let graphic = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        !self.target.starts_with('/')
            || !graphic(&self.method)
            || !graphic(&self.target)
            || self.target.contains(['#', '<', '>', '"', '{', '}', '|', '^', '`', '\\'])
    }
}

/// Words that paths, queries and bodies of the API are made of, and some that break them.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => select(vec![
            "subscriptions", "11111111-1111-1111-1111-111111111111", "resourceGroups", "ml", "providers",
            "Microsoft.MachineLearningServices", "Microsoft.Compute", "workspaces", "demo", "second", "computes", "start",
            "stop", "restart", "resize", "listNodes", "listKeys", "updateSchedules", "enableSso", "customServices",
            "locations", "eastus", "East%20US", "vmSizes", "usages", "quotas", "updateQuotas", "computeOperationsStatus",
            "checkComputeNameAvailability", "metadata", "endpoints", "identity", "oauth2", "v2.0", "token", "rp",
            "discovery", "common", "instance", ".well-known", "openid-configuration", "virtualMachines",
        ]).prop_map(str::to_owned),
        2 => select(vec!["", ".", "..", "%2e%2e", "%2f", "%5c", "%00", "%", "%zz", "%ff", "%F0%9F%98%80", "a%20b", "*", "~", "'", ";", ":"]).prop_map(str::to_owned),
        1 => "[a-z0-9-]{1,30}",
        1 => "[a-z]{250,300}",
        1 => (0u8..12).prop_map(|number| format!("c{number}")),
    ]
}

fn path() -> impl Strategy<Value = String> {
    let real = prop_oneof![
        4 => (0u8..12, select(vec!["", "", "", "/listNodes", "/listKeys", "/start", "/stop", "/restart", "/resize", "/updateSchedules", "/updateIdleShutdownSetting", "/enableSso", "/customServices", "/updateDataMounts", "/getAllowedVmSizesForResize"]))
            .prop_map(|(number, action)| format!("{DEMO}/computes/c{number}{action}")),
        1 => Just(format!("{DEMO}/computes")),
        1 => Just(format!("/rp/workspaces{DEMO}/computes")),
        1 => Just(format!("{DEMO}/checkComputeNameAvailability")),
        1 => Just("/22222222-2222-2222-2222-222222222222/oauth2/v2.0/token".to_owned()),
        1 => Just("/metadata/identity/oauth2/token".to_owned()),
        1 => select(vec!["vmSizes", "usages", "quotas", "updateQuotas", "computeOperationsStatus/11111111-1111-1111-1111-111111111111"])
            .prop_map(|what| format!("/subscriptions/11111111-1111-1111-1111-111111111111/providers/Microsoft.MachineLearningServices/locations/eastus/{what}")),
    ];
    let mended = (real.clone(), vec(word(), 0..4), any::<proptest::sample::Index>()).prop_map(|(path, words, at)| {
        let mut parts: Vec<String> = path.split('/').map(str::to_owned).collect();
        let at = at.index(parts.len());
        parts.splice(at..at, words);
        parts.join("/")
    });
    prop_oneof![
        6 => real,
        3 => mended,
        2 => vec(word(), 0..12).prop_map(|words| format!("/{}", words.join("/"))),
        1 => "/[!-~]{0,80}",
    ]
}

fn query() -> impl Strategy<Value = String> {
    let version = prop_oneof![
        8 => select(vec!["2026-05-01", "2024-04-01", "2023-08-01-preview", "2020-02-02", "2020-08-01", "2023-04-01", "2021-07-01"]).prop_map(str::to_owned),
        1 => word(),
    ];
    let pair = prop_oneof![
        8 => version.prop_map(|version| format!("api-version={version}")),
        1 => (select(vec!["$skip", "underlyingResourceAction", "t", "c", "s", "h", "since", "resource", "client_id"]), word()).prop_map(|(name, value)| format!("{name}={value}")),
        1 => select(vec!["underlyingResourceAction=Delete", "underlyingResourceAction=Detach", "%24skip=3", "%24skip=99999999999999999999"]).prop_map(str::to_owned),
        1 => "[!-~]{0,30}",
    ];
    vec(pair, 0..4).prop_map(|pairs| pairs.join("&"))
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        9 => select(vec![
            "properties", "location", "tags", "identity", "type", "computeType", "computeLocation", "resourceId", "description",
            "disableLocalAuth", "vmSize", "vmPriority", "osType", "scaleSettings", "minNodeCount", "maxNodeCount",
            "nodeIdleTimeBeforeScaleDown", "subnet", "id", "userAccountCredentials", "adminUserName", "userAssignedIdentities",
            "schedules", "computeStartStop", "cron", "expression", "recurrence", "frequency", "interval", "triggerType", "action",
            "startTime", "timeZone", "schedule", "hours", "minutes", "weekDays", "idleTimeBeforeShutdown", "customServices",
            "setupScripts", "scripts", "creationScript", "timeout", "sshSettings", "personalComputeInstanceSettings",
            "assignedUser", "targetVMSize", "enableSSO", "value", "limit", "Name", "Type", "namespace", "instanceTypes",
        ]).prop_map(str::to_owned),
        1 => ".{0,20}",
    ]
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        (-2i64..70_000).prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        select(vec![
            "eastus",
            "West Europe",
            "AmlCompute",
            "ComputeInstance",
            "Kubernetes",
            "VirtualMachine",
            "AKS",
            "Databricks",
            "HDInsight",
            "SynapseSpark",
            "DataFactory",
            "STANDARD_D2_V2",
            "STANDARD_NC6S_V3",
            "LowPriority",
            "SystemAssigned",
            "UserAssigned",
            "None",
            "PT2M",
            "PT15M",
            "P9999Y",
            "PT9999999999999H",
            "-PT1S",
            "* * * * *",
            "0 8 * * 1-5",
            "Cron",
            "Recurrence",
            "Week",
            "Day",
            "Start",
            "Stop",
            "UTC",
            "Pacific Standard Time",
            "2026-11-21T08:00:00",
            "9999-12-31T23:59:59",
            "-9999-01-01T00:00:00",
            "/subscriptions/S/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/s",
        ])
        .prop_map(Value::from),
    ]
}

fn value() -> BoxedStrategy<Value> {
    leaf()
        .prop_recursive(5, 60, 6, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..5).prop_map(Value::from),
                vec((name(), inner), 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
            ]
        })
        .boxed()
}

/// A good body with something changed in it, by the pointer of a member.
fn body() -> impl Strategy<Value = Value> {
    let good = select(vec![
        json!({"location": "eastus", "tags": {"a": "b"}, "identity": {"type": "SystemAssigned"}, "properties": {
            "computeType": "AmlCompute", "computeLocation": "eastus", "properties": {"vmSize": "STANDARD_D2_V2", "vmPriority": "Dedicated",
            "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 4, "nodeIdleTimeBeforeScaleDown": "PT2M"}}}}),
        json!({"location": "eastus", "properties": {"computeType": "ComputeInstance", "properties": {"vmSize": "STANDARD_D2_V2",
            "idleTimeBeforeShutdown": "PT30M", "schedules": {"computeStartStop": [{"action": "Stop", "triggerType": "Cron",
            "cron": {"expression": "0 18 * * *", "timeZone": "UTC"}, "status": "Enabled"}]}}}}),
        json!({"location": "eastus", "properties": {"computeType": "DataFactory", "resourceId": "/subscriptions/S/resourceGroups/g/providers/Microsoft.DataFactory/factories/f"}}),
        json!({"location": "eastus", "properties": {"computeType": "Kubernetes", "resourceId": "/subscriptions/S/resourceGroups/g/providers/Microsoft.ContainerService/managedClusters/k", "properties": {"namespace": "default"}}}),
        json!({"location": "eastus", "properties": {"computeType": "VirtualMachine", "resourceId": "/subscriptions/S/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v", "properties": {"sshPort": 22, "administratorAccount": {"username": "u", "password": "p"}}}}),
        json!({"properties": {"properties": {"scaleSettings": {"minNodeCount": 0, "maxNodeCount": 8}}}}),
        json!({"Name": "c1", "Type": "Microsoft.BatchAI/DataScienceInstance"}),
        json!({"value": [{"id": format!("{DEMO}/quotas/standardDv2Family"), "limit": 12}]}),
        json!({"computeStartStop": [{"action": "Start", "triggerType": "Recurrence", "recurrence": {"frequency": "Day", "interval": 1, "schedule": {"hours": [8], "minutes": [0]}}}]}),
    ]);
    let changed = (good.clone(), any::<proptest::sample::Index>(), value())
        .prop_map(|(good, at, value)| changed(good, at, value));
    prop_oneof![3 => good, 4 => changed, 2 => value()]
}

/// One member anywhere in `whole`, put in another's place.
fn changed(mut whole: Value, at: proptest::sample::Index, value: Value) -> Value {
    let mut pointers = Vec::new();
    walk(&whole, String::new(), &mut pointers);
    let pointer = pointers[at.index(pointers.len())].clone();
    *whole.pointer_mut(&pointer).unwrap() = value;
    whole
}

fn walk(value: &Value, at: String, pointers: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| {
                walk(member, format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), pointers);
            });
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| walk(item, format!("{at}/{index}"), pointers));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    pointers.push(at);
}

fn bytes(json: impl Strategy<Value = Value>) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        12 => json.prop_map(|value| value.to_string().into_bytes()),
        2 => vec(any::<u8>(), 0..200),
        1 => (1usize..60_000).prop_map(|depth| "[".repeat(depth).into_bytes()),
        1 => (1usize..3).prop_map(|size| vec![b' '; size * 2_200_000]),
        2 => Just(Vec::new()),
    ]
}

/// Requests to the data plane, most of them with a good token.
pub(crate) fn data(token: &str) -> impl Strategy<Value = Asked> + use<> {
    let good = format!("Bearer {token}");
    let authorization = prop_oneof![
        12 => Just(Some(good)),
        1 => Just(None),
        1 => "[!-~]{0,60}".prop_map(Some),
        1 => "Bearer [A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,80}\\.".prop_map(Some),
    ];
    let more = vec(
        prop_oneof![
            select(vec![
                "application/json",
                "text/json; charset=utf-8",
                "text/xml",
                "",
                "application/x-www-form-urlencoded"
            ])
            .prop_map(|kind| ("Content-Type".to_owned(), kind.to_owned())),
            select(vec![
                "x-ms-client-request-id",
                "x-ms-correlation-request-id",
                "x-ms-return-client-request-id",
                "If-Match",
                "X-Forwarded-Proto",
                "Metadata",
                "Accept"
            ])
            .prop_flat_map(|name| "[ -~]{0,60}".prop_map(move |value| (name.to_owned(), value.trim().to_owned()))),
        ],
        0..4,
    );
    let method = select(vec!["GET", "GET", "PUT", "PUT", "PATCH", "POST", "POST", "DELETE", "HEAD", "OPTIONS", "BREW"]);
    (method, path(), query(), authorization, more, bytes(body()), any::<bool>()).prop_map(
        |(method, path, query, authorization, more, body, json)| {
            let mut headers: Vec<_> =
                authorization.map(|text| ("Authorization".to_owned(), text)).into_iter().collect();
            if json {
                headers.push(("Content-Type".into(), "application/json".into()));
            }
            headers.extend(more);
            let target = if query.is_empty() { path } else { format!("{path}?{query}") };
            Asked { method: method.into(), target, headers, body }
        },
    )
}

fn faults() -> BoxedStrategy<Value> {
    let effect = select(vec![
        json!({"kind": "respond", "status": 503, "headers": {"Retry-After": "1", "bad name": "x", "x": "\u{1}"}, "body": {"a": 1}}),
        json!({"kind": "respond", "status": 204, "body": "text"}),
        json!({"kind": "html", "status": 502}),
        json!({"kind": "delay", "by": "PT0.01S", "when": "beforeEffect"}),
        json!({"kind": "dropConnection", "when": "afterEffect"}),
        json!({"kind": "truncateBody", "bytes": 3}),
        json!({"kind": "hugeBody", "bytes": 100_000}),
        json!({"kind": "foreignOperationUrl", "origin": "https://example.org"}),
        json!({"kind": "operationFails", "code": "x", "message": "y"}),
        json!({"kind": "operationNeverEnds"}),
        json!({"kind": "operationUrlGone"}),
        json!({"kind": "provisioningState", "value": "Odd"}),
        json!({"kind": "staleRead"}),
        json!({"kind": "hideAfterCreate", "reads": 2}),
        json!({"kind": "lingerAfterDelete", "reads": 4_294_967_295u32}),
    ]);
    (effect, select(vec!["GET", "PUT", "DELETE", "PATCH"]), 0u32..4, 0u32..4)
        .prop_map(|(effect, method, nth, times)| json!({"match": {"method": method, "path": "*c*"}, "nth": nth, "times": times, "effect": effect}))
        .boxed()
}

fn events() -> BoxedStrategy<Value> {
    let compute = (0u8..12).prop_map(|number| format!("c{number}"));
    let event = (
        select(vec![
            json!({"event": "runSubmitted", "nodes": 4_294_967_295u32}),
            json!({"event": "runFinished"}),
            json!({"event": "nodePreempted", "count": 4_294_967_295u32}),
            json!({"event": "nodesUnusable", "count": 2}),
            json!({"event": "nodesRepaired"}),
            json!({"event": "operationFails", "code": "x", "message": "y"}),
            json!({"event": "computeDeleted"}),
            json!({"event": "tagsStripped"}),
        ]),
        compute,
    )
        .prop_map(|(mut event, compute)| {
            event["compute"] = json!(compute);
            event
        });
    let around = select(vec![
        json!({"event": "quotaChanged", "subscription": "11111111-1111-1111-1111-111111111111", "location": "eastus", "totalDedicatedCores": 1_000_000_000_000i64, "families": {"standardDv2Family": 9_223_372_036_854_775_807i64}}),
        json!({"event": "workspaceDeleted", "workspace": "demo"}),
        busy_workspace(),
        json!({"event": "lockChanged", "group": "ml", "lock": "ReadOnly"}),
        json!({"event": "lockChanged", "group": "ml"}),
        json!({"event": "policyAssigned", "policy": {"name": "p", "requiredTags": ["t"]}}),
        json!({"event": "policyRemoved", "name": "p"}),
        json!({"event": "regionFailed", "location": "eastus", "how": "timeout", "after": "PT0.01S"}),
        json!({"event": "regionRecovered", "location": "eastus"}),
        json!({"event": "secretRotated", "clientId": "33333333-3333-3333-3333-333333333333", "clientSecret": "x"}),
    ]);
    prop_oneof![event, around].boxed()
}

/// Requests to the management plane. Delays are short, so that the next request is answered in time.
pub(crate) fn management() -> impl Strategy<Value = Asked> {
    let advance = select(vec!["PT1S", "PT22S", "PT5M", "PT24H", "PT8784H", "PT9999999H", "-PT1S", "soon"])
        .prop_map(|by| json!({"by": by}));
    let broken = |good: BoxedStrategy<Value>| {
        (good.clone(), any::<proptest::sample::Index>(), value(), 0u8..6)
            .prop_map(|(good, at, value, kind)| if kind == 0 { changed(good, at, tame(value)) } else { good })
    };
    let post = |target: &'static str, body: BoxedStrategy<Value>| {
        bytes(broken(body)).prop_map(move |body| Asked {
            method: "POST".into(),
            target: target.into(),
            headers: Vec::new(),
            body,
        })
    };
    let other = (select(vec!["GET", "DELETE", "PUT", "HEAD"]), prop_oneof![
        6 => select(vec!["/healthz", "/journal?since=3", "/journal?since=x", "/world", "/faults", "/world/events", "/clock/advance", "/"]).prop_map(str::to_owned),
        1 => path(),
    ])
        .prop_map(|(method, target)| Asked { method: method.into(), target, headers: Vec::new(), body: Vec::new() });
    prop_oneof![
        3 => post("/faults", faults()),
        4 => post("/world/events", events()),
        2 => post("/clock/advance", advance.boxed()),
        2 => other,
    ]
}

/// Without durations: one of an hour in a delay or an outage would be obeyed.
fn tame(value: Value) -> Value {
    match value {
        Value::String(text) if text.contains("PT") || text.starts_with('P') => Value::Null,
        Value::Array(items) => items.into_iter().map(tame).collect(),
        Value::Object(members) => members.into_iter().map(|(name, member)| (name, tame(member))).collect(),
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => plain,
    }
}

/// What undoes everything that [`management`] can do to the workspace that is looked at.
pub(crate) fn restoring() -> Vec<Asked> {
    let all = json!([
        {"event": "regionRecovered", "location": "eastus"},
        {"event": "regionRecovered", "location": "westeurope"},
        {"event": "lockChanged", "group": "ml"},
        {"event": "accessChanged", "clientId": "33333333-3333-3333-3333-333333333333", "denied": []},
        {"event": "roleAssignmentsChanged", "clientId": "33333333-3333-3333-3333-333333333333"},
        {"event": "throttleChanged", "reads": {"capacity": 4_000_000_000u32, "perSecond": 1e9}, "writes": {"capacity": 4_000_000_000u32, "perSecond": 1e9}},
        {"event": "workspaceCreated", "group": "ml", "workspace": {"name": "demo", "location": "eastus"}}
    ]);
    let wish = |event: &Value| Asked {
        method: "POST".into(),
        target: "/world/events".into(),
        headers: Vec::new(),
        body: event.to_string().into_bytes(),
    };
    all.as_array().unwrap().iter().map(wish).collect()
}

/// A workspace with a cluster that has work.
pub(crate) fn busy_workspace() -> Value {
    json!({"event": "workspaceCreated", "group": "ml", "workspace": {"name": "third", "location": "eastus", "computes": [
        {"name": "busy", "location": "eastus", "tags": {"a": "b"}, "identity": {"type": "SystemAssigned"}, "properties": {
            "computeType": "AmlCompute", "properties": {"vmSize": "STANDARD_D2_V2", "scaleSettings": {"minNodeCount": 1, "maxNodeCount": 4}}}}]}})
}

/// The text of a document with one or two members changed, or cut or filled with anything.
pub(crate) fn twisted(whole: Value) -> impl Strategy<Value = String> {
    let text = whole.to_string();
    let index = any::<proptest::sample::Index>;
    let once = (Just(whole), index(), value()).prop_map(|(whole, at, value)| changed(whole, at, value));
    let twice = (once.clone(), index(), leaf()).prop_map(|(whole, at, value)| changed(whole, at, value));
    prop_oneof![
        4 => once.prop_map(|value| value.to_string()),
        4 => twice.prop_map(|value| value.to_string()),
        1 => (Just(text), index()).prop_map(|(text, at)| text.chars().take(at.index(text.len())).collect()),
        1 => ".{0,200}",
    ]
}
