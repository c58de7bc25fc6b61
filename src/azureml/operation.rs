//! Long operations: where one is looked at, and what a look says.
//!
//! Must not wait or loop (a look is one request), and must not let a token travel to a URL that is not pinned: the
//! address came over the network, or out of storage that others can write.

use crate::cloud::Cloud;
use crate::error::{Error, ErrorKind};
use reqwest::header::{HeaderMap, LOCATION};
use std::fmt;
use std::time::Duration;
use url::{Position, Url};

/// Longest URL that is taken; real ones are up to 4 kB since they are signed (azureml-api.md a.4).
const LONGEST: usize = 16 * 1024;

/// What a write was answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// Azure works on it.
    Running {
        /// Where to look; `None` if Azure gave no address: then the resource itself tells.
        url: Option<OperationUrl>,
        /// When Azure asks to look first.
        retry_after: Option<Duration>,
        /// `x-ms-client-request-id` of the write.
        client_request_id: String,
    },
    /// Done already, or nothing had to change.
    Done,
    /// A delete found nothing to delete.
    Absent,
}

/// What one look at an operation said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Azure knows the operation.
    Reported {
        /// Its status and, if it failed, why.
        operation: arm::Operation,
        /// When Azure asks to look next.
        retry_after: Option<Duration>,
    },
    /// Azure does not know it (any more): the resource itself tells how it ended.
    Gone,
}

/// The address of one long operation, kept to the byte because Azure signs it. It can only be made from an answer of
/// Azure or through [`OperationUrl::parse`], and both pin it to the cloud's resource manager and one subscription.
#[derive(Clone, PartialEq, Eq)]
pub struct OperationUrl {
    url: Url,
    subscription: String,
    header: Header,
}

/// Which header it came in: the two are answered differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Header {
    /// Always 200 with a status in the body.
    AsyncOperation,
    /// 202 while it runs, another 2xx when it is done.
    Location,
}

impl OperationUrl {
    /// Takes an address that was kept somewhere, such as [`OperationUrl::as_str`] of an earlier process.
    ///
    /// # Errors
    /// `ForeignOperationUrl` unless it is an operation of this subscription on this cloud's resource manager: same
    /// scheme, host and port, no user, path `/subscriptions/{subscription}/providers/
    /// Microsoft.MachineLearningServices/locations/{location}/{…operation…}/{id}`, at most 16 KiB, and such that it is
    /// sent exactly as it is written.
    pub fn parse(text: &str, cloud: &Cloud, subscription: &str) -> Result<Self, Error> {
        Self::pinned(text, cloud, subscription, Header::AsyncOperation)
    }

    /// The address in an answer's headers: `Azure-AsyncOperation`, else `Location` of a 202 (of any other status that
    /// header names a resource). `None` if there is neither.
    pub(crate) fn from_answer(
        status: u16,
        headers: &HeaderMap,
        cloud: &Cloud,
        subscription: &str,
    ) -> Result<Option<Self>, Error> {
        let named = headers.get("azure-asyncoperation").map(|value| (value, Header::AsyncOperation));
        let located = || headers.get(LOCATION).filter(|_| status == 202).map(|value| (value, Header::Location));
        let Some((value, header)) = named.or_else(located) else { return Ok(None) };
        let text = value.to_str().map_err(|_| foreign("it is no ASCII text"))?;
        Self::pinned(text, cloud, subscription, header).map(Some)
    }

    fn pinned(text: &str, cloud: &Cloud, subscription: &str, header: Header) -> Result<Self, Error> {
        if text.len() > LONGEST {
            return Err(foreign("it is longer than 16 KiB"));
        }
        // RFC 3986 section 2; parsers disagree about everything else.
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte)) {
            return Err(foreign("it has characters that no URL has"));
        }
        let url = Url::parse(text).map_err(|_| foreign("it is no URL"))?;
        same_origin(&url, cloud.resource_manager()).map_err(foreign)?;
        // A URL library may rewrite what it parses (dot segments, backslashes, odd characters); then this is not the
        // address Azure gave, or not an honest one.
        let written = text.split_once("://").and_then(|(_, rest)| Some(&rest[rest.find('/')?..]));
        if written != Some(&url[Position::BeforePath..]) {
            return Err(foreign("it cannot be sent exactly as it is written"));
        }
        if !is_operation_path(url.path(), subscription) {
            return Err(foreign("its path is no operation of this subscription"));
        }
        Ok(Self { url, subscription: subscription.to_owned(), header })
    }

    /// Whether it belongs to this cloud; a client asks again before a token goes there.
    pub(crate) fn is_of(&self, cloud: &Cloud) -> bool {
        same_origin(&self.url, cloud.resource_manager()).is_ok()
    }

    /// The address as Azure wrote it. It carries a signature: store it where secrets may be, or not at all.
    pub fn as_str(&self) -> &str {
        self.url.as_str()
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    pub(crate) fn subscription(&self) -> &str {
        &self.subscription
    }

    pub(crate) fn header(&self) -> Header {
        self.header
    }

    /// The operation's own id, for logs.
    pub fn id(&self) -> &str {
        self.url.path_segments().and_then(Iterator::last).unwrap_or_default()
    }
}

impl fmt::Debug for OperationUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The query is signed and stays out.
        f.debug_tuple("OperationUrl").field(&&self.url[..Position::AfterPath]).finish()
    }
}

/// Whether a URL that Azure gave goes to the resource manager itself. Says in words why not.
pub(crate) fn same_origin(url: &Url, resource_manager: &Url) -> Result<(), &'static str> {
    if !url.username().is_empty() || url.password().is_some() {
        Err("it carries a user")
    } else if url.scheme() != resource_manager.scheme() {
        Err("its scheme is not the resource manager's")
    } else if url.host() != resource_manager.host() {
        Err("its host is not the resource manager's")
    } else if url.port_or_known_default() != resource_manager.port_or_known_default() {
        Err("its port is not the resource manager's")
    } else if url.fragment().is_some() {
        Err("it carries a fragment")
    } else {
        Ok(())
    }
}

fn is_operation_path(path: &str, subscription: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let &["", subscriptions, of, providers, namespace, locations, location, operations, id] = parts.as_slice() else {
        return false;
    };
    let plain =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b));
    subscriptions.eq_ignore_ascii_case("subscriptions")
        && of.eq_ignore_ascii_case(subscription)
        && providers.eq_ignore_ascii_case("providers")
        && namespace.eq_ignore_ascii_case("Microsoft.MachineLearningServices")
        && locations.eq_ignore_ascii_case("locations")
        && plain(location)
        // computeOperationsStatus is what was recorded; others of the provider's differ in the first word.
        && plain(operations)
        && operations.to_ascii_lowercase().contains("operation")
        && plain(id)
}

fn foreign(why: &str) -> Error {
    Error::new(ErrorKind::ForeignOperationUrl, format!("the operation's URL is not followed: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUB: &str = "11111111-1111-1111-1111-111111111111";
    const PATH: &str = "providers/Microsoft.MachineLearningServices/locations/eastus/computeOperationsStatus/04e1-a";

    fn good() -> String {
        format!("https://management.azure.com/subscriptions/{SUB}/{PATH}?api-version=2026-05-01&service=new")
    }

    fn refused(text: &str) {
        let error = OperationUrl::parse(text, &Cloud::public(), SUB).expect_err(text);
        assert_eq!(error.kind(), &ErrorKind::ForeignOperationUrl, "{text}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }

    #[test]
    fn signed_url_is_kept_to_the_byte() {
        let signed = format!("{}&t=638978&c=MII%2f+A/_-.~!*(),;:@&s=s%3D%3D&h=H", good());
        let kept = OperationUrl::parse(&signed, &Cloud::public(), SUB).unwrap();
        assert_eq!(kept.as_str(), signed);
        assert_eq!(kept.id(), "04e1-a");
        assert!(!format!("{kept:?}").contains("MII"), "{kept:?}");
    }

    #[test]
    fn case_of_host_and_path_words_does_not_matter() {
        let odd = good().replace("management.azure.com", "Management.Azure.COM").replace("locations", "Locations");
        assert!(OperationUrl::parse(&odd, &Cloud::public(), SUB).is_ok());
        assert!(OperationUrl::parse(&good().replace(".com/", ".com:443/"), &Cloud::public(), SUB).is_ok());
    }

    #[test]
    fn url_elsewhere_is_refused() {
        let host = "https://management.azure.com";
        for origin in [
            "http://management.azure.com",
            "https://management.azure.com:444",
            "https://management.azure.com.evil.example",
            "https://xmanagement.azure.com",
            "https://management.azure.com.",
            "https://management.azure.com@evil.example",
            "https://user:secret@management.azure.com",
            "https://user@management.azure.com",
            "https://evil.example#@management.azure.com",
            "https://evil.example\\@management.azure.com",
            "https://169.254.169.254",
            "https://[::1]",
            "https://2130706433",
            "https://m\u{430}nagement.azure.com",
            "ftp://management.azure.com",
            "//management.azure.com",
            "",
        ] {
            refused(&good().replace(host, origin));
        }
    }

    #[test]
    fn path_that_is_no_operation_of_the_subscription_is_refused() {
        for (from, to) in [
            (SUB, "22222222-2222-2222-2222-222222222222"),
            (".com/sub", ".com//sub"),
            (".com/sub", ".com/x/../sub"),
            (".com/sub", ".com/%2e%2e/sub"),
            ("Microsoft.MachineLearningServices", "Microsoft.KeyVault"),
            ("computeOperationsStatus", "workspaces"),
            ("04e1-a", ""),
            ("04e1-a", "a/b"),
            ("04e1-a", "a%2fb"),
            ("04e1-a", "a b"),
            ("?api", "#frag?api"),
            ("service=new", "service=new#f"),
            ("service=new", "s=\"'<>"),
            ("service=new", "service=\u{e4}"),
            ("service=new", "service=\\"),
            ("service=new", "service=\nnew"),
        ] {
            refused(&good().replace(from, to));
        }
        refused(&format!("{}&x={}", good(), "a".repeat(LONGEST)));
    }

    #[test]
    fn location_counts_only_on_a_202_and_after_the_other_header() {
        let cloud = Cloud::public();
        let mut headers = HeaderMap::new();
        assert_eq!(OperationUrl::from_answer(202, &headers, &cloud, SUB).unwrap(), None);
        headers.insert(LOCATION, good().replace("Status", "Results").parse().unwrap());
        assert_eq!(OperationUrl::from_answer(201, &headers, &cloud, SUB).unwrap(), None);
        let located = OperationUrl::from_answer(202, &headers, &cloud, SUB).unwrap().unwrap();
        assert_eq!(located.header(), Header::Location);
        headers.insert("Azure-AsyncOperation", good().parse().unwrap());
        let named = OperationUrl::from_answer(202, &headers, &cloud, SUB).unwrap().unwrap();
        assert_eq!((named.header(), named.as_str()), (Header::AsyncOperation, good().as_str()));
    }
}
