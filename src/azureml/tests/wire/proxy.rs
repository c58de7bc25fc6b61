//! `HTTPS_PROXY` and `NO_PROXY`, as the client of a process has them from its environment.
//!
//! Must not change the environment of the test process, which every other test shares.

use crate::server::{Reply, Server};
use crate::{Numbered, workspace};
use amlco_azureml::{Client, Cloud, ErrorKind, Options};
use std::process::Command;
use std::sync::Arc;
use url::Url;

/// Not a test of its own: the process whose environment the tests below choose. Its resource manager exists nowhere.
#[tokio::test]
#[ignore = "run as a child by the tests that set a proxy"]
async fn proxied_child() {
    let Ok(resource_manager) = std::env::var("PROXIED_CHILD") else { return };
    let authority = Url::parse("https://localhost:1").unwrap();
    let cloud = Cloud::custom(Url::parse(&resource_manager).unwrap(), authority, None).unwrap();
    rustls::crypto::ring::default_provider().install_default().ok();
    let client = Client::new(&cloud, Arc::new(Numbered::default()), Options::default()).unwrap();
    let error = client.list_computes(&workspace()).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Connect, "{error}");
}

/// What a proxy is asked when the child speaks to that resource manager.
async fn asked(resource_manager: &'static str, no_proxy: &'static str) -> Vec<String> {
    let proxy = Server::start(|_, _| Reply::new(502, &[], "")).await;
    let address = proxy.url().to_string();
    let child = tokio::task::spawn_blocking(move || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        for name in ["HTTP_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy", "no_proxy"] {
            command.env_remove(name);
        }
        command.env("HTTPS_PROXY", address).env("NO_PROXY", no_proxy).env("PROXIED_CHILD", resource_manager);
        command.args(["--exact", "proxy::proxied_child", "--ignored"]).output().unwrap()
    });
    let output = child.await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    proxy.lines()
}

#[tokio::test]
async fn proxy_of_the_environment_is_asked_for_hosts_elsewhere() {
    assert_eq!(asked("https://arm.invalid", "").await, ["CONNECT arm.invalid:443"]);
}

#[tokio::test]
async fn no_proxy_and_loopback_go_direct() {
    assert_eq!(asked("https://arm.invalid", "example.com,.invalid").await.len(), 0);
    assert_eq!(asked("https://127.0.0.1:1", "").await.len(), 0);
}
