//! The programs of a plane: their files, arguments and start; it must not wait until they serve.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use tokio::net::TcpSocket;

use super::kubeconfig::{self, Credential};
use super::{Options, Plane};
use crate::certificates::{Authority, Issued};
use crate::error::{Context, Error, Result};
use crate::guard::{Guard, Process};
use crate::tools;

/// The issuer named in service account tokens: what clusters use by default.
const ISSUER: &str = "https://kubernetes.default.svc";

/// The controllers that the objects of a test depend on. The rest (nodes, workloads, volumes) would only watch.
const CONTROLLERS: &str = "namespace-controller,garbage-collector-controller,serviceaccount-controller,\
     serviceaccount-token-controller,clusterrole-aggregation-controller";

/// The three programs, in the order in which they end.
pub(super) struct Launched {
    manager: OnceLock<Process>,
    server: Process,
    etcd: Process,
    // Holds the server's port until it is released; see `reserve`.
    _port: TcpSocket,
}

impl Launched {
    pub(super) fn pids(&self) -> Vec<u32> {
        self.named().into_iter().map(|(_, process)| process.pid()).collect()
    }

    /// Which program has ended although it should run, and how.
    pub(super) fn first_end(&self) -> Option<String> {
        self.named().into_iter().find_map(|(name, process)| {
            let status = process.try_wait().ok().flatten()?;
            Some(format!("{name} ended with {status}"))
        })
    }

    pub(super) fn log_tail(&self, lines: usize) -> String {
        let tails: Vec<String> = self
            .named()
            .into_iter()
            .map(|(name, process)| format!("--- {name}\n{}", process.log_tail(lines)))
            .collect();
        tails.join("\n")
    }

    fn named(&self) -> Vec<(&'static str, &Process)> {
        let manager = self.manager.get().map(|manager| ("kube-controller-manager", manager));
        [("etcd", &self.etcd), ("kube-apiserver", &self.server)].into_iter().chain(manager).collect()
    }
}

/// The files that the programs read.
struct Files {
    dir: PathBuf,
    ca: PathBuf,
    admin: PathBuf,
}

/// The name of the controller manager's kubeconfig in the plane's folder.
const MANAGER_KUBECONFIG: &str = "manager.kubeconfig";

/// Starts etcd and kube-apiserver. Blocks for as long as building them takes, if they are not there yet.
pub(super) fn launch(options: &Options) -> Result<(Plane, Duration)> {
    let programs = tools::dir()?;
    let guard = Guard::new("amlco-plane")?;
    let (port, number) = reserve()?;
    let url = format!("https://127.0.0.1:{number}");
    let authority = Authority::new("amlco-plane-ca")?;
    let files = write_files(guard.dir(), &authority, &url)?;
    let etcd = guard.spawn("etcd", &etcd_command(&programs, &files))?;
    let server = guard.spawn("kube-apiserver", &server_command(&programs, &files, number, options.verbosity))?;
    let plane = Plane {
        url,
        ca_pem: authority.pem(),
        admin_kubeconfig: files.admin,
        kubectl: programs.join("kubectl"),
        namespaces: AtomicU32::new(0),
        launched: Launched { manager: OnceLock::new(), server, etcd, _port: port },
        guard,
    };
    Ok((plane, options.ready_within))
}

/// Starts kube-controller-manager, which gives up after 20 s without an API server and is therefore started last.
pub(super) fn launch_manager(plane: &Plane) -> Result<()> {
    let command = manager_command(&tools::dir()?, plane.guard.dir());
    let manager = plane.guard.spawn("kube-controller-manager", &command)?;
    plane.launched.manager.set(manager).map_err(|_| Error::new("kube-controller-manager runs already"))
}

/// A port that nobody else gets until kube-apiserver, which cannot choose one itself, has it.
///
/// The socket is bound and never listens, so that it takes no connections; it and the server share the port
/// (`SO_REUSEPORT`, `--permit-port-sharing`), while everybody else is given another one.
fn reserve() -> Result<(TcpSocket, u16)> {
    let reserved = TcpSocket::new_v4().and_then(|socket| {
        socket.set_reuseport(true)?;
        socket.bind(([127, 0, 0, 1], 0).into())?;
        let port = socket.local_addr()?.port();
        Ok((socket, port))
    });
    reserved.context(|| "cannot reserve a port on 127.0.0.1".to_owned())
}

fn write_files(dir: &Path, authority: &Authority, url: &str) -> Result<Files> {
    let put = |name: &str, content: &str| -> Result<PathBuf> {
        let path = dir.join(name);
        fs::write(&path, content).context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    };
    let put_pair = |name: &str, issued: &Issued| -> Result<Credential> {
        Ok(Credential::Certificate {
            certificate: put(&format!("{name}.crt"), &issued.certificate)?,
            key: put(&format!("{name}.key"), &issued.key)?,
        })
    };
    let ca_pem = authority.pem();
    let ca = put("ca.crt", &ca_pem)?;
    put_pair("server", &authority.server(&["kubernetes.default.svc"])?)?;
    let accounts = rcgen::KeyPair::generate().context(|| "cannot make a key".to_owned())?;
    put("service-accounts.key", &accounts.serialize_pem())?;
    put("service-accounts.pub", &accounts.public_key_pem())?;

    let admin = put_pair("admin", &authority.client("test-admin", Some("system:masters"))?)?;
    let manager = put_pair("manager", &authority.client("system:kube-controller-manager", None)?)?;
    let config = |name: &str, credential: &Credential| {
        kubeconfig::write(&dir.join(name), url, Some(&ca_pem), credential, "default")
    };
    let admin = config("admin.kubeconfig", &admin)?;
    config(MANAGER_KUBECONFIG, &manager)?;
    Ok(Files { dir: dir.to_owned(), ca, admin })
}

/// etcd serves on sockets in the plane's folder: no port, and nobody else on the machine can reach it.
fn etcd_command(programs: &Path, files: &Files) -> Command {
    let socket = format!("unix://{}/etcd.sock", files.dir.display());
    // It wants to tell peers and clients an address with a port; it has no peers, and its only client knows the socket.
    let advertised = "http://localhost:2379";
    let mut etcd = Command::new(programs.join("etcd"));
    etcd.current_dir(&files.dir)
        .arg("--name=plane")
        .arg(format!("--data-dir={}/etcd", files.dir.display()))
        .arg(format!("--listen-client-urls={socket}"))
        .arg(format!("--advertise-client-urls={advertised}"))
        .arg(format!("--listen-peer-urls=unix://{}/etcd-peer.sock", files.dir.display()))
        .arg(format!("--initial-advertise-peer-urls={advertised}"))
        .arg(format!("--initial-cluster=plane={advertised}"))
        // Nothing of a test has to survive the machine.
        .arg("--unsafe-no-fsync")
        .arg("--log-level=warn");
    etcd
}

fn server_command(programs: &Path, files: &Files, port: u16, verbosity: u8) -> Command {
    let file = |name: &str| files.dir.join(name).display().to_string();
    let mut server = Command::new(programs.join("kube-apiserver"));
    server
        .current_dir(&files.dir)
        .arg(format!("--etcd-servers=unix://{}", file("etcd.sock")))
        .arg("--bind-address=127.0.0.1")
        .arg(format!("--secure-port={port}"))
        .arg("--permit-port-sharing=true")
        // Without these it looks for a network address of the machine, which a machine without network has not.
        .arg("--advertise-address=127.0.0.1")
        .arg("--endpoint-reconciler-type=none")
        .arg(format!("--cert-dir={}", files.dir.display()))
        .arg(format!("--tls-cert-file={}", file("server.crt")))
        .arg(format!("--tls-private-key-file={}", file("server.key")))
        .arg(format!("--client-ca-file={}", files.ca.display()))
        .arg("--authorization-mode=RBAC")
        .arg(format!("--service-account-issuer={ISSUER}"))
        .arg(format!("--service-account-key-file={}", file("service-accounts.pub")))
        .arg(format!("--service-account-signing-key-file={}", file("service-accounts.key")))
        .arg("--service-cluster-ip-range=10.0.0.0/24")
        .arg("--profiling=false")
        .arg(format!("--v={verbosity}"));
    server
}

fn manager_command(programs: &Path, dir: &Path) -> Command {
    let file = |name: &str| dir.join(name).display().to_string();
    let mut manager = Command::new(programs.join("kube-controller-manager"));
    manager
        .current_dir(dir)
        .arg(format!("--kubeconfig={}", file(MANAGER_KUBECONFIG)))
        .arg("--bind-address=127.0.0.1")
        .arg("--secure-port=0")
        .arg("--leader-elect=false")
        .arg("--use-service-account-credentials=true")
        .arg(format!("--service-account-private-key-file={}", file("service-accounts.key")))
        .arg(format!("--root-ca-file={}", file("ca.crt")))
        .arg(format!("--controllers={CONTROLLERS}"))
        .arg("--v=0");
    manager
}
