//! The clients, and the virtual environments below the target directory that they are installed in.
//!
//! Must not start a client: it says where its Python is.

use std::path::{Path, PathBuf};
use std::process::Output;

use support::python;

/// A client of Microsoft's, in the release that is pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// SDK v2: azure-ai-ml.
    Ml,
    /// SDK v1: azureml-core.
    Core,
    /// The newest stable management SDK.
    Stable,
    /// The newest management SDK, a preview.
    Preview,
}

impl Client {
    /// Package and release, as the folders of captured intents and the report name it.
    pub(crate) fn release(self) -> &'static str {
        match self {
            Self::Ml => "azure-ai-ml-1.35.2",
            Self::Core => "azureml-core-1.61.0.post4",
            Self::Stable => "azure-mgmt-machinelearningservices-1.0.1",
            Self::Preview => "azure-mgmt-machinelearningservices-2.0.0b2",
        }
    }

    /// The version of the API that it speaks about computes (sdk-wire-notes.md).
    pub(crate) fn api_version(self) -> &'static str {
        match self {
            Self::Ml => "2023-08-01-preview",
            Self::Core => "2020-02-02",
            Self::Stable => "2020-08-01",
            Self::Preview => "2023-04-01",
        }
    }

    /// File with its packages, each pinned by hash; also the name of its environment.
    fn requirements(self) -> &'static str {
        match self {
            Self::Ml => "azure-ai-ml",
            Self::Core => "azureml-core",
            Self::Stable => "mgmt-1.0",
            Self::Preview => "mgmt-2.0",
        }
    }

    /// Python with this client.
    pub(crate) fn python(self) -> PathBuf {
        let requirements = directory().join(format!("requirements/{}.txt", self.requirements()));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("venv-{}", self.requirements()));
        python::environment(&requirements, &folder).unwrap().join("python")
    }
}

/// Where this test lives.
pub(crate) fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// Standard output of a program that has to succeed.
pub(crate) fn succeed(what: &str, output: std::io::Result<Output>) -> String {
    python::printed(what, output).unwrap()
}
