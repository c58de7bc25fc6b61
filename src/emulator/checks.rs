//! What ARM and Azure ML refuse in a compute's body before anything happens. Reads bodies into plain values; changes nothing.

use serde_json::Value;

use crate::{
    compute::{identity::IdentityRequest, machine::Machine, nodes::Scale},
    errors::Refusal,
    fields::Fields,
    message::Request,
    resources,
    route::normal_location,
    tags::Tags,
    time,
};

/// ARM's limit for a request's body, 4 MB.
const MAX_BODY: usize = 4 * 1024 * 1024;

/// The compute types of the API (SPEC26), beside the two that only azureml-core attaches.
const COMPUTE_TYPES: [&str; 12] = [
    "AKS",
    "AmlCompute",
    "Batch",
    "ComputeInstance",
    "DataFactory",
    "DataLakeAnalytics",
    "Databricks",
    "HDInsight",
    "Kubernetes",
    "Kusto",
    "SynapseSpark",
    "VirtualMachine",
];

/// The regions that know computes.
pub(crate) const LOCATIONS: [&str; 39] = [
    "australiaeast",
    "australiasoutheast",
    "brazilsouth",
    "canadacentral",
    "canadaeast",
    "centralindia",
    "centralus",
    "centraluseuap",
    "eastasia",
    "eastus",
    "eastus2",
    "eastus2euap",
    "francecentral",
    "germanywestcentral",
    "italynorth",
    "japaneast",
    "japanwest",
    "koreacentral",
    "northcentralus",
    "northeurope",
    "norwayeast",
    "polandcentral",
    "qatarcentral",
    "southafricanorth",
    "southcentralus",
    "southeastasia",
    "southindia",
    "spaincentral",
    "swedencentral",
    "switzerlandnorth",
    "switzerlandwest",
    "uaenorth",
    "uksouth",
    "ukwest",
    "westcentralus",
    "westeurope",
    "westus",
    "westus2",
    "westus3",
];

/// A PUT body.
#[derive(Debug, Clone)]
pub(crate) struct ComputeBody {
    pub(crate) location: Option<String>,
    pub(crate) compute_location: Option<String>,
    pub(crate) tags: Option<Tags>,
    pub(crate) identity: Option<IdentityRequest>,
    pub(crate) description: Option<String>,
    pub(crate) disable_local_auth: bool,
    pub(crate) machine: Machine,
}

/// A PATCH body: only what can be changed in place.
#[derive(Debug, Clone, Default)]
pub(crate) struct PatchBody {
    pub(crate) min: Option<u32>,
    pub(crate) max: Option<u32>,
    pub(crate) idle: Option<i64>,
    pub(crate) identity: Option<IdentityRequest>,
}

impl PatchBody {
    /// Whether it asks for nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.min.is_none() && self.max.is_none() && self.idle.is_none() && self.identity.is_none()
    }
}

/// Reads the JSON of a request that must have some.
///
/// # Errors
/// 413, 415 and 400 in ARM's words.
pub(crate) fn json_body(request: &Request) -> Result<Value, Refusal> {
    if request.body.len() > MAX_BODY {
        return Err(Refusal::gateway(
            413,
            "RequestContentTooLarge",
            "The request content size exceeds the maximum size of 4 MB.",
        ));
    }
    let kind = request.header("content-type").unwrap_or("<null>");
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") && !essence.eq_ignore_ascii_case("text/json") {
        return Err(Refusal::gateway(
            415,
            "UnsupportedMediaType",
            format!("The content media type '{essence}' is not supported. Only 'application/json' is supported."),
        ));
    }
    let invalid = |why: String| {
        Refusal::gateway(
            400,
            "InvalidRequestContent",
            format!("The request content was invalid and could not be deserialized: '{why}'."),
        )
    };
    if request.body.is_empty() {
        return Err(invalid("the request has no content".into()));
    }
    let value: Value = serde_json::from_slice(&request.body).map_err(|error| invalid(error.to_string()))?;
    // azureml-core encodes the PATCH that removes identities twice (sdk-wire-notes 5).
    match value.as_str() {
        Some(inner) => serde_json::from_str(inner).map_err(|error| invalid(error.to_string())),
        None => Ok(value),
    }
}

/// Checks the name of a compute that is to be made: 3 to 24 letters, digits and dashes, a letter first, no dash and digits
/// last (azureml-api h).
///
/// # Errors
/// 400 `UserError` with the service's words.
pub(crate) fn new_name(name: &str) -> Result<(), Refusal> {
    let letters = name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    let first = name.chars().next().is_some_and(|letter| letter.is_ascii_alphabetic());
    if !letters || !first || !(3..=24).contains(&name.len()) || name.ends_with('-') {
        return Err(Refusal::user_error(
            "Compute name is invalid. It can include letters, digits and dashes. It must start with a letter, end with a letter or digit, and be between 3 and 24 characters in length.",
        ));
    }
    let digits_last = name.rsplit_once('-').is_some_and(|(_, last)| last.bytes().all(|byte| byte.is_ascii_digit()));
    if digits_last {
        return Err(Refusal::user_error(format!(
            "Compute name '{name}' is invalid. Numbers cannot be the ending of the name if the previous character is a minus symbol (-)."
        )));
    }
    Ok(())
}

/// Reads a PUT body.
///
/// # Errors
/// What the provider refuses at once.
pub(crate) fn compute_body(body: &Value) -> Result<ComputeBody, Refusal> {
    let envelope = Fields::of(body)?;
    let base = envelope.object("properties")?;
    if !base.exists() {
        return Err(Refusal::user_error("The request must have 'properties'.").target("properties"));
    }
    let kind = compute_type(&base)?;
    let location = |text: Option<&str>| text.map(normal_location).map(available).transpose();
    Ok(ComputeBody {
        location: location(envelope.text("location")?)?,
        compute_location: location(base.text("computeLocation")?)?,
        tags: tags(&envelope)?,
        identity: IdentityRequest::read(envelope.value("identity"))?,
        description: base.text("description")?.map(str::to_owned),
        disable_local_auth: base.boolean("disableLocalAuth")?.unwrap_or(false),
        machine: Machine::read(kind, &base)?,
    })
}

/// The `computeType` of a body, in the API's spelling.
fn compute_type(base: &Fields<'_>) -> Result<&'static str, Refusal> {
    let text = base.text("computeType")?.unwrap_or_default();
    COMPUTE_TYPES.iter().find(|known| known.eq_ignore_ascii_case(text)).copied().ok_or_else(|| unknown_type(text))
}

/// The refusal of a `computeType` that an API version does not know.
pub(crate) fn unknown_type(text: &str) -> Refusal {
    Refusal::user_error(format!("The computeType '{text}' is not valid.")).target("properties.computeType")
}

fn available(location: String) -> Result<String, Refusal> {
    if LOCATIONS.contains(&location.as_str()) {
        return Ok(location);
    }
    Err(Refusal::gateway(
        400,
        "LocationNotAvailableForResourceType",
        format!(
            "The provided location '{location}' is not available for resource type 'Microsoft.MachineLearningServices/workspaces/computes'. List of available regions for the resource type is '{}'.",
            LOCATIONS.join(",")
        ),
    ))
}

/// Tags within ARM's limits: 50 of them, names to 512 and values to 256 characters, some characters barred from names.
fn tags(envelope: &Fields<'_>) -> Result<Option<Tags>, Refusal> {
    let Some(tags) = envelope.texts("tags")? else { return Ok(None) };
    let refuse = |code: &str, text: String| Err(Refusal::gateway(400, code, text));
    if tags.len() > 50 {
        return refuse("TagCountExceeded", format!("The number of tags '{}' exceeds the limit of '50'.", tags.len()));
    }
    for (name, value) in &tags {
        if name.is_empty() || name.contains(['<', '>', '%', '&', '\\', '?', '/']) {
            return refuse(
                "InvalidTagNameCharacters",
                format!("The tag name '{name}' contains reserved characters '<,>,%,&,\\,?,/' or control characters."),
            );
        }
        if name.chars().count() > 512 || value.chars().count() > 256 {
            return refuse(
                "TagLengthExceeded",
                format!("The tag '{name}' is too long: names have at most 512 and values at most 256 characters."),
            );
        }
    }
    Ok(Some(tags.into()))
}

/// Reads a PATCH body. API versions before 2021 nest the settings once (sdk-wire-notes 6).
///
/// # Errors
/// What the provider refuses at once.
pub(crate) fn patch_body(body: &Value, version: &str) -> Result<PatchBody, Refusal> {
    let envelope = Fields::of(body)?;
    let base = envelope.object("properties")?;
    if base.value("computeType").is_some() {
        compute_type(&base)?;
    }
    let nested = base.object("properties")?;
    let scale = if version < "2021" && base.value("scaleSettings").is_some() { base } else { nested };
    let scale = scale.object("scaleSettings")?;
    Ok(PatchBody {
        min: count(&scale, "minNodeCount")?,
        max: count(&scale, "maxNodeCount")?,
        idle: idle(&scale)?,
        identity: IdentityRequest::read(envelope.value("identity"))?,
    })
}

/// The VM size of a PUT, in upper case, as the service answers it.
///
/// # Errors
/// There is none.
pub(crate) fn vm_size(properties: &Fields<'_>) -> Result<String, Refusal> {
    let Some(size) = properties.text("vmSize")?.map(str::trim).filter(|size| !size.is_empty()) else {
        let refusal = Refusal::user_error("VmSize must be specified for create compute.");
        return Err(refusal.target(properties.at("vmSize")));
    };
    Ok(size.to_ascii_uppercase())
}

/// The ARM id of the subnet of a PUT.
///
/// # Errors
/// 400 `LinkedInvalidPropertyId` for an id that is none.
pub(crate) fn subnet(properties: &Fields<'_>) -> Result<Option<String>, Refusal> {
    let Some(id) = properties.object("subnet")?.text("id")? else { return Ok(None) };
    subnet_id(id)?;
    Ok(Some(id.to_owned()))
}

/// Checks the ARM id of a subnet.
///
/// # Errors
/// 400 `LinkedInvalidPropertyId`.
pub(crate) fn subnet_id(id: &str) -> Result<(), Refusal> {
    if resources::is_a(id, "Microsoft.Network/virtualNetworks/subnets") {
        return Ok(());
    }
    Err(Refusal::linked_id(id, "properties.properties.subnet.id"))
}

/// Reads the scale settings of a PUT.
///
/// # Errors
/// A missing or wrong count, min above max, an idle time that is no duration.
pub(crate) fn scale(properties: &Fields<'_>) -> Result<Scale, Refusal> {
    let fields = properties.object("scaleSettings")?;
    let Some(max) = count(&fields, "maxNodeCount")? else {
        return Err(Refusal::user_error(
            "ScaleSettings.MaxNodeCount and ScaleSettings.MinNodeCount must be specified for create compute.",
        )
        .target(fields.at("maxNodeCount")));
    };
    let min = count(&fields, "minNodeCount")?.unwrap_or(0);
    ordered(min, max)?;
    Ok(Scale { min, max, idle: idle(&fields)? })
}

/// Refuses a minimum above the maximum.
///
/// # Errors
/// 400 `UserError`.
pub(crate) fn ordered(min: u32, max: u32) -> Result<(), Refusal> {
    if min <= max {
        return Ok(());
    }
    Err(Refusal::user_error(format!(
        "ScaleSettings.MinNodeCount ({min}) must not be greater than ScaleSettings.MaxNodeCount ({max})."
    ))
    .target("properties.properties.scaleSettings"))
}

/// Node counts reach to 65,000 (azureml-api g.2).
fn count(fields: &Fields<'_>, name: &str) -> Result<Option<u32>, Refusal> {
    let Some(number) = fields.integer(name)? else { return Ok(None) };
    match u32::try_from(number) {
        Ok(count) if count <= 65_000 => Ok(Some(count)),
        _ => {
            let path = fields.at(name);
            Err(Refusal::user_error(format!("The value {number} of '{path}' is not valid: 0 to 65000 is expected."))
                .target(path))
        }
    }
}

fn idle(fields: &Fields<'_>) -> Result<Option<i64>, Refusal> {
    let name = "nodeIdleTimeBeforeScaleDown";
    let Some(text) = fields.text(name)? else { return Ok(None) };
    match time::parse_iso_duration(text) {
        Some(seconds) => Ok(Some(seconds)),
        None => {
            let path = fields.at(name);
            Err(Refusal::user_error(format!(
                "The value '{text}' of '{path}' is not valid: an ISO 8601 duration such as 'PT2M' is expected."
            ))
            .target(path))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn post(body: &[u8], kind: &str) -> Request {
        Request {
            headers: vec![("content-type".into(), kind.into())],
            body: body.to_vec().into(),
            ..Request::default()
        }
    }

    #[test]
    fn bodies_that_are_no_json_are_refused_in_arms_words() {
        for (body, kind, status, code) in [
            (b"{}".to_vec(), "text/plain", 415, "UnsupportedMediaType"),
            (b"{".to_vec(), "application/json", 400, "InvalidRequestContent"),
            (b"".to_vec(), "application/json", 400, "InvalidRequestContent"),
            (vec![b' '; MAX_BODY + 1], "application/json", 413, "RequestContentTooLarge"),
            ("[".repeat(5_000).into_bytes(), "application/json", 400, "InvalidRequestContent"),
        ] {
            let refusal = json_body(&post(&body, kind)).unwrap_err();
            assert_eq!((refusal.status, refusal.code.as_str()), (status, code));
        }
    }

    #[test]
    fn doubly_encoded_body_is_read() {
        let body = json_body(&post(br#""{\"identity\":{\"type\":\"None\"}}""#, "application/json; charset=utf-8"));
        assert_eq!(body.unwrap(), json!({"identity": {"type": "None"}}));
    }

    #[test]
    fn names_follow_the_rule_of_2026() {
        for good in ["cpu", "cpu-cluster", "cpu-1a", "c1-2-b", "C23456789012345678901234"] {
            assert!(new_name(good).is_ok(), "{good}");
        }
        for bad in ["", "ab", "1cpu", "cpu-", "cpu-1", "a-b-23", "cpu_1", "c234567890123456789012345", "cpü"] {
            let refusal = new_name(bad).unwrap_err();
            assert_eq!((refusal.status, refusal.code.as_str()), (400, "UserError"), "{bad}");
        }
    }

    fn put(scale: &Value, other: &Value) -> Result<ComputeBody, Refusal> {
        let mut body = json!({"location": "West Europe", "properties": {"computeType": "amlcompute", "properties": {
            "vmSize": "Standard_D2_v2", "scaleSettings": scale}}});
        if let (Some(base), Some(other)) = (body["properties"].as_object_mut(), other.as_object()) {
            base.extend(other.clone());
        }
        compute_body(&body)
    }

    #[test]
    fn put_body_is_read_and_its_location_normalised() {
        let body = put(&json!({"maxNodeCount": 4}), &json!({"computeLocation": "East US"})).unwrap();
        assert_eq!((body.location.as_deref(), body.compute_location.as_deref()), (Some("westeurope"), Some("eastus")));
        assert_eq!(body.machine.cluster().unwrap().settings.scale, Scale { min: 0, max: 4, idle: None });
    }

    #[test]
    fn wrong_put_bodies_are_refused() {
        let ok = json!({"maxNodeCount": 4});
        for (scale, other) in [
            (json!({}), json!({})),
            (json!({"maxNodeCount": 1, "minNodeCount": 2}), json!({})),
            (json!({"maxNodeCount": -1}), json!({})),
            (json!({"maxNodeCount": 65_001}), json!({})),
            (json!({"maxNodeCount": 1, "nodeIdleTimeBeforeScaleDown": "5 minutes"}), json!({})),
            (ok.clone(), json!({"computeType": "Toaster"})),
            (ok.clone(), json!({"computeLocation": "atlantis"})),
            (ok, json!({"properties": null})),
        ] {
            assert_eq!(put(&scale, &other).unwrap_err().status, 400, "{scale} {other}");
        }
    }

    #[test]
    fn patch_is_nested_once_only_before_2021() {
        let once = json!({"properties": {"scaleSettings": {"maxNodeCount": 8, "minNodeCount": 0}}});
        assert_eq!(patch_body(&once, "2020-08-01").unwrap().max, Some(8));
        assert!(patch_body(&once, "2024-04-01").unwrap().is_empty());
        let twice = json!({"properties": {"properties": {"scaleSettings": {"maxNodeCount": 8}}}});
        assert_eq!(patch_body(&twice, "2026-05-01").unwrap().max, Some(8));
    }
}
