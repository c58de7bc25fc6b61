//! Who may do what: role assignments at scopes, in several subscriptions and tenants. Tokens and shapes are elsewhere.

use super::*;

const OTHER_TENANT: &str = "22222222-2222-2222-2222-222222222299";
const OTHER_SUBSCRIPTION: &str = "11111111-1111-1111-1111-111111111199";
const NARROW: &str = "33333333-3333-3333-3333-333333333377";
const STRANGER: &str = "33333333-3333-3333-3333-333333333388";
const SUBNET: &str = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/v/subnets/s";
const IDENTITY: &str = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/ids/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i";

/// Two tenants with a subscription each, the all-powerful principal, one with these roles, and one of the other tenant.
fn bench(roles: &Value) -> Bench {
    let mut seed = serde_json::to_value(Seed::default()).unwrap();
    let principal = |tenant: &str, client: &str, roles: &Value| json!({"tenant": tenant, "clientId": client, "clientSecret": "s", "roleAssignments": roles});
    let principals = seed["principals"].as_array_mut().unwrap();
    principals.push(principal(TENANT, NARROW, roles));
    principals.push(principal(OTHER_TENANT, STRANGER, &Value::Null));
    seed["subscriptions"].as_array_mut().unwrap().push(json!({"id": OTHER_SUBSCRIPTION, "tenant": OTHER_TENANT,
        "resourceGroups": [{"name": "ml", "workspaces": [{"name": "demo", "location": "westus"}]}]}));
    let mut bench = Bench::with(&serde_json::from_value(seed).unwrap());
    bench.caller = (TENANT, NARROW);
    bench
}

fn told(response: &Response) -> (u16, String, String) {
    let (status, body) = read(response);
    let text = |name: &str| body["error"][name].as_str().unwrap_or_default().to_owned();
    (status, text("code"), text("message"))
}

#[test]
fn role_at_a_scope_allows_there_and_refuses_elsewhere_in_arms_words() {
    let mut bench = bench(&json!([{"scope": format!("{DEMO}"), "role": "AzureML Compute Operator"}]));
    let made = bench.put("cpu-cluster", &cluster("Standard_D2_v2", 0, 4));
    assert_eq!(made.status, 201);
    let second = format!("{}/computes/cpu-cluster", DEMO.replace("/demo", "/second"));
    let refused = told(&bench.send("PUT", &second, Some(&cluster("Standard_D2_v2", 0, 4))));
    let action = "Microsoft.MachineLearningServices/workspaces/computes/write";
    let object = crate::random::uuid_for(1, NARROW);
    let text = format!(
        "The client '{NARROW}' with object id '{object}' does not have authorization to perform action '{action}' over scope '{second}' or the scope is invalid. If access was recently granted, please refresh your credentials."
    );
    assert_eq!(refused, (403, "AuthorizationFailed".into(), text));
    // The role knows nothing of the subscription, where operations are told of: the poll is refused, the read is not.
    let url = made.header("Azure-AsyncOperation").unwrap().strip_prefix("http://127.0.0.1:1").unwrap().to_owned();
    let (status, code, message) = told(&bench.send("GET", &url, None));
    assert_eq!((status, code.as_str()), (403, "AuthorizationFailed"));
    assert!(message.contains("'Microsoft.MachineLearningServices/locations/computeOperationsStatus/read' over scope '/subscriptions/11111111-1111-1111-1111-111111111111/providers/Microsoft.MachineLearningServices/locations/eastus/computeOperationsStatus/"), "{message}");
    assert_eq!(bench.get(&format!("{DEMO}/computes/cpu-cluster")).0, 200);
    assert_eq!(bench.get(DEMO).0, 403);
}

#[test]
fn each_role_may_do_its_own_requests() {
    let requests = [
        ("GET", format!("{DEMO}/computes")),
        ("PUT", format!("{DEMO}/computes/other")),
        ("DELETE", format!("{DEMO}/computes/cpu-cluster?underlyingResourceAction=Delete")),
        ("POST", format!("{DEMO}/computes/cpu-cluster/listNodes")),
        ("POST", format!("{DEMO}/checkComputeNameAvailability")),
        ("GET", "/subscriptions/11111111-1111-1111-1111-111111111111/providers/Microsoft.MachineLearningServices/locations/eastus/usages".to_owned()),
    ];
    for (role, refused) in [
        ("Owner", [false; 6]),
        ("Contributor", [false; 6]),
        ("Reader", [false, true, true, true, true, false]),
        ("AzureML Data Scientist", [false, true, true, false, false, true]),
        ("AzureML Compute Operator", [false, false, false, false, true, true]),
    ] {
        for ((method, path), refused) in requests.iter().zip(refused) {
            let mut bench =
                bench(&json!([{"scope": "/subscriptions/11111111-1111-1111-1111-111111111111", "role": role}]));
            bench.caller = (TENANT, CLIENT_ID);
            bench.made("cpu-cluster", &cluster("Standard_D2_v2", 0, 4));
            bench.caller = (TENANT, NARROW);
            let answer = bench.send(method, path, Some(&cluster("Standard_D2_v2", 0, 4)));
            assert_eq!(answer.status == 403, refused, "{role} {method} {path}: {answer:?}");
        }
    }
}

#[test]
fn subnets_and_identities_need_rights_where_they_are() {
    let own = json!({"scope": DEMO, "role": "Contributor"});
    let custom = |scope: &str, action: &str| json!({"scope": scope, "actions": [action]});
    let join = "Microsoft.Network/virtualNetworks/subnets/join/action";
    let assign = "Microsoft.ManagedIdentity/userAssignedIdentities/*/assign/action";
    let mut body = cluster("Standard_D2_v2", 0, 4);
    body["properties"]["properties"]["subnet"] = json!({"id": SUBNET});
    body["identity"] = json!({"type": "UserAssigned", "userAssignedIdentities": {IDENTITY: {}}});
    for (roles, lacks) in [
        (vec![own.clone()], Some(("subnets/join/action", SUBNET))),
        (vec![own.clone(), custom(SUBNET, join)], Some(("userAssignedIdentities/assign/action", IDENTITY))),
        (vec![own.clone(), custom(SUBNET, assign), custom(IDENTITY, join)], Some(("subnets/join/action", SUBNET))),
        (vec![own, custom(SUBNET, join), custom(IDENTITY, assign)], None),
    ] {
        let mut bench = bench(&json!(roles));
        let answer = bench.put("cpu-cluster", &body);
        let Some((action, scope)) = lacks else {
            assert_eq!(answer.status, 201, "{answer:?}");
            continue;
        };
        let (status, code, message) = told(&answer);
        assert_eq!((status, code.as_str()), (403, "LinkedAuthorizationFailed"), "{message}");
        let permitted = format!(
            "has permission to perform action 'Microsoft.MachineLearningServices/workspaces/computes/write' on scope '{DEMO}/computes/cpu-cluster'"
        );
        assert!(message.contains(&permitted), "{message}");
        assert!(message.contains(action) && message.contains(&format!("linked scope(s) '{scope}'")), "{message}");
    }
}

#[test]
fn lists_of_workspaces_show_what_the_caller_may_see() {
    let all =
        "/subscriptions/11111111-1111-1111-1111-111111111111/providers/Microsoft.MachineLearningServices/workspaces";
    let mut bench = bench(&json!([{"scope": DEMO, "role": "Reader"}]));
    let (status, body) = bench.get(all);
    assert_eq!((status, body["value"].as_array().unwrap().len()), (200, 1));
    assert_eq!(body["value"][0]["name"], "demo");
    bench.event(&json!({"event": "roleAssignmentsChanged", "clientId": NARROW, "roleAssignments": []})).unwrap();
    assert_eq!(bench.get(all).0, 403);
}

#[test]
fn role_assignments_change_while_it_runs() {
    let mut bench = bench(&json!([]));
    let path = format!("{DEMO}/computes");
    assert_eq!(bench.get(&path).0, 403);
    let given = json!([{"scope": "/", "role": "Reader"}]);
    bench.event(&json!({"event": "roleAssignmentsChanged", "clientId": NARROW, "roleAssignments": given})).unwrap();
    assert_eq!(bench.get(&path).0, 200);
    let now = bench.now;
    assert_eq!(bench.world.snapshot(now)["principals"][1]["roleAssignments"], given);
    let wrong = json!([{"scope": "/", "role": "Readr"}]);
    let error = bench.event(&json!({"event": "roleAssignmentsChanged", "clientId": NARROW, "roleAssignments": wrong}));
    assert!(error.unwrap_err().starts_with("roleAssignments[0].role: 'Readr' is no role known here"));
    assert_eq!(bench.get(&path).0, 200);
    bench.event(&json!({"event": "roleAssignmentsChanged", "clientId": NARROW})).unwrap();
    assert_eq!(bench.put("cpu-cluster", &cluster("Standard_D2_v2", 0, 4)).status, 201);
}

#[test]
fn tenants_and_subscriptions_are_worlds_apart() {
    let mut bench = bench(&Value::Null);
    let there = |path: &str| path.replace("11111111-1111-1111-1111-111111111111", OTHER_SUBSCRIPTION);
    let (status, code, _) = told(&bench.send("GET", &there(DEMO), None));
    assert_eq!((status, code.as_str()), (401, "InvalidAuthenticationTokenTenant"));
    bench.put("cpu-cluster", &cluster("Standard_D2_v2", 0, 4));
    bench.caller = (OTHER_TENANT, STRANGER);
    assert_eq!(bench.get(&there(DEMO)).1["location"], "westus");
    assert_eq!(bench.get(&format!("{}/computes", there(DEMO))).1, json!({"value": []}));
    assert_eq!(bench.get(DEMO).0, 401);
}
