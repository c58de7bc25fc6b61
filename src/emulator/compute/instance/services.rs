//! Custom services and data mounts of an instance: what the service takes and where an application is then reached. Runs none.

use serde_json::{Value, json};

use crate::{errors::Refusal, fields::Fields};

/// Ports that a custom service may publish or listen on (azure-ai-ml 1.35.2, which checks the same before it sends).
const PORTS: std::ops::RangeInclusive<i32> = 1_025..=65_535;

/// Reads a list of custom services; they are kept and answered as sent, additional members included, as their specification
/// allows (azureml-api b.4).
///
/// # Errors
/// A service without name or image, two of one name or port, unknown words, ports out of range.
pub(crate) fn read(value: &Value, path: &str) -> Result<Value, Refusal> {
    let (mut names, mut ports) = (Vec::new(), Vec::new());
    for service in Fields::list(value, path)? {
        let name = service.required("name")?;
        if names.iter().any(|known: &String| known.eq_ignore_ascii_case(name)) {
            return Err(service.refuse("name", "a name that no other custom service of the instance has"));
        }
        names.push(name.to_owned());
        let image = service.object("image")?;
        image.word("type", &["docker", "azureml"])?;
        image.required("reference")?;
        service.object("docker")?.boolean("privileged")?;
        service.object("kernel")?;
        service.object("environmentVariables")?;
        for endpoint in service.objects("endpoints")?.unwrap_or_default() {
            endpoint.word("protocol", &["tcp", "udp", "http"])?;
            port(&endpoint, "target")?;
            if let Some(published) = port(&endpoint, "published")? {
                if ports.contains(&published) {
                    return Err(endpoint.refuse("published", "a port that no other endpoint of the instance publishes"));
                }
                ports.push(published);
            }
        }
        for volume in service.objects("volumes")?.unwrap_or_default() {
            volume.word("type", &["bind", "volume", "tmpfs", "npipe"])?;
            volume.boolean("readOnly")?;
            volume.required("target")?;
        }
    }
    Ok(value.clone())
}

fn port(endpoint: &Fields<'_>, name: &str) -> Result<Option<i32>, Refusal> {
    match endpoint.integer(name)? {
        Some(port) if !PORTS.contains(&port) => Err(endpoint.refuse(name, "a port from 1025 to 65535")),
        port => Ok(port),
    }
}

/// Where the custom services are reached: by a host name of their own that carries the published port (how the studio links them).
pub(crate) fn applications(services: &Value, host: &str, region: &str) -> Vec<Value> {
    let services = services.as_array().map(Vec::as_slice).unwrap_or_default();
    let reached = services.iter().flat_map(|service| {
        let endpoints = service["endpoints"].as_array().map(Vec::as_slice).unwrap_or_default();
        endpoints.iter().filter_map(|endpoint| Some((&service["name"], endpoint["published"].as_i64()?)))
    });
    let shown = reached.map(|(name, port)| {
        json!({"displayName": name, "endpointUri": format!("https://{host}-{port}.{region}.instances.azureml.ms/")})
    });
    shown.collect()
}

/// Reads a list of data mounts as an instance then shows them: what is to be mounted is mounted at once.
///
/// # Errors
/// A mount without source or name, two of one name, unknown words.
pub(crate) fn read_mounts(value: &Value, at: &str) -> Result<Value, Refusal> {
    let mut names = Vec::new();
    let mut shown = Vec::new();
    for mount in Fields::list(value, "")? {
        let name = mount.required("mountName")?;
        if names.contains(&name) {
            return Err(mount.refuse("mountName", "a name that no other mount of the instance has"));
        }
        names.push(name);
        let action = mount.word("mountAction", &["Mount", "Unmount"])?.unwrap_or("Mount");
        let mounted = action == "Mount";
        shown.push(json!({
            "source": mount.required("source")?,
            "sourceType": mount.word("sourceType", &["Dataset", "Datastore", "URI"])?,
            "mountName": name,
            "mountAction": action,
            "mountMode": mount.word("mountMode", &["ReadOnly", "ReadWrite"])?,
            "createdBy": mount.text("createdBy")?,
            "mountPath": mount.text("mountPath")?,
            "mountState": if mounted { "Mounted" } else { "Unmounted" },
            "mountedOn": if mounted { json!(at) } else { Value::Null },
            "error": null
        }));
    }
    Ok(Value::Array(shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service() -> Value {
        json!({"name": "rstudio", "type": "docker", "image": {"type": "docker", "reference": "ghcr.io/azure/rocker:latest"},
            "environmentVariables": {"A": {"type": "local", "value": "b"}}, "docker": {"privileged": true},
            "endpoints": [{"name": "connect", "target": 8787, "published": 8787, "protocol": "http"}],
            "volumes": [{"type": "bind", "readOnly": false, "source": "/a", "target": "/b"}]})
    }

    #[test]
    fn services_are_kept_as_sent_and_reached_by_their_port() {
        let sent = json!([service()]);
        assert_eq!(read(&sent, "customServices").unwrap(), sent);
        let shown = applications(&sent, "ws", "eastus");
        let uri = "https://ws-8787.eastus.instances.azureml.ms/";
        assert_eq!(shown, [json!({"displayName": "rstudio", "endpointUri": uri})]);
    }

    #[test]
    fn wrong_services_are_refused() {
        let with = |name: &str, value: Value| {
            let mut service = service();
            service[name] = value;
            json!([service])
        };
        for wrong in [
            json!({}),
            json!([3]),
            json!([service(), service()]),
            with("name", Value::Null),
            with("image", json!({"type": "podman", "reference": "x"})),
            with("image", json!({"type": "docker"})),
            with("endpoints", json!([{"target": 80}])),
            with("endpoints", json!([{"target": 8787, "published": 70_000}])),
            with("endpoints", json!([{"target": 1100, "published": 8787}, {"target": 1101, "published": 8787}])),
            with("endpoints", json!([{"target": 8787, "protocol": "smtp"}])),
            with("volumes", json!([{"type": "bind"}])),
            with("docker", json!("privileged")),
        ] {
            assert_eq!(read(&wrong, "customServices").unwrap_err().status, 400, "{wrong}");
        }
    }

    #[test]
    fn mounts_are_mounted_and_unmounted() {
        let mount = |action: &str| json!([{"source": "azureml://x", "sourceType": "uri", "mountName": "hello", "mountAction": action}]);
        let shown = read_mounts(&mount("Mount"), "2026-01-01T00:00:00+00:00").unwrap();
        assert_eq!((&shown[0]["mountState"], &shown[0]["sourceType"]), (&json!("Mounted"), &json!("URI")));
        let shown = read_mounts(&mount("unmount"), "2026-01-01T00:00:00+00:00").unwrap();
        assert_eq!((&shown[0]["mountState"], &shown[0]["mountedOn"]), (&json!("Unmounted"), &Value::Null));
        for wrong in [json!([{}]), json!({}), mount("Remount"), json!([{"mountName": "a"}])] {
            assert_eq!(read_mounts(&wrong, "").unwrap_err().status, 400, "{wrong}");
        }
    }
}
