//! Operation URLs put together by chance from the parts that attacks are made of.
//!
//! Must not list known attacks one by one; `operation` itself does that.

use crate::SUBSCRIPTION;
use amlco_azureml::{Cloud, OperationUrl};
use proptest::prelude::*;

/// What the parts of an address are drawn from: the honest word several times, so that some come through.
fn part(honest: &'static str, others: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop_oneof![
        6 => Just(honest.to_owned()),
        2 => proptest::sample::select(others).prop_map(str::to_owned),
        1 => "[ -~\u{e9}\u{2215}\n\t]{0,6}",
    ]
}

fn address() -> impl Strategy<Value = String> {
    let scheme = part("https", &["http", "HTTPS", "https:", "file", "//", ""]);
    let between = part("://", &[":/", ":\\\\", ":///", "://@", "://a@", "://a:b@", ":"]);
    let host = part(
        "management.azure.com",
        &["evil.example", "management.azure.com.evil.example", "MANAGEMENT.azure.com", "127.0.0.1", "[::1]", "0x7f.1"],
    );
    let port =
        part("", &[":443", ":444", ":0443", ":", "@evil.example", ".", "%2eevil.example", "\\@evil.example", "#"]);
    let path = part(
        "/subscriptions/11111111-1111-1111-1111-111111111111/providers/Microsoft.MachineLearningServices/locations/eastus",
        &["", "/", "//evil.example", "/subscriptions/x", "/../..", "/%2e%2e/subscriptions", "\\subscriptions"],
    );
    let operation =
        part("/computeOperationsStatus/04e1", &["/listKeys", "/operations/..", "/operation/a/b", "/operation/%2f"]);
    let query =
        part("?api-version=1&c=x", &["", "?", "#?", "?a=b#c", "?a=\u{0}", "?q='", "?next=https://evil.example"]);
    (scheme, between, host, port, path, operation, query)
        .prop_map(|(a, b, c, d, e, f, g)| [a, b, c, d, e, f, g].concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(20_000) })]

    #[test]
    fn address_that_is_taken_is_an_operation_on_the_resource_manager_to_the_byte(text in address()) {
        if let Ok(url) = OperationUrl::parse(&text, &Cloud::public(), SUBSCRIPTION) {
            let origin = "https://management.azure.com/";
            let taken = url.as_str();
            prop_assert!(taken.starts_with(origin), "{taken}");
            let rest = format!("/{}", &taken[origin.len()..]);
            prop_assert!(text.ends_with(&rest), "{text:?} is sent as {rest:?}");
            let path = rest.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
            let segments: Vec<&str> = path.split('/').collect();
            prop_assert_eq!(segments.len(), 9);
            prop_assert_eq!(&segments[..4], ["", "subscriptions", SUBSCRIPTION, "providers"]);
            prop_assert_eq!(&segments[4..6], ["microsoft.machinelearningservices", "locations"]);
            prop_assert!(segments[7].contains("operation") && !path.contains('%'), "{path}");
            prop_assert!(!segments.contains(&"..") && !segments.contains(&"."), "{path}");
            prop_assert!(!taken.contains(['#', '\\', ' ', '\n']), "{}", taken);
        }
    }
}
