//! The proxy against a small upstream, a large one (kube-apiserver), and clients that die; it must not test hyper.

#![expect(clippy::unwrap_used, reason = "the upstream of a test panics as the test itself does")]

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{WatchEvent, WatchParams};
use support::certificates::Authority;
use support::plane::Plane;
use support::proxy::{Fault, Options, Phase, Point, Proxy, Times, points};
use support::wait;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const SOON: Duration = Duration::from_secs(20);

/// An upstream that counts what reaches it and answers by path.
struct Upstream {
    url: String,
    ca: Option<String>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Upstream {
    async fn start(tls: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = Authority::new("upstream").unwrap();
        let acceptor = tls.then(|| TlsAcceptor::from(authority.server_config().unwrap()));
        let scheme = if tls { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (base, noted) = (url.clone(), Arc::clone(&seen));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("the listener lives as long as the test");
                let (base, noted, acceptor) = (base.clone(), Arc::clone(&noted), acceptor.clone());
                tokio::spawn(async move {
                    let service = service_fn(move |request| answer(request, base.clone(), Arc::clone(&noted)));
                    let server = hyper::server::conn::http1::Builder::new();
                    match acceptor {
                        Some(acceptor) => {
                            let stream = acceptor.accept(stream).await.unwrap();
                            drop(server.serve_connection(TokioIo::new(stream), service).await);
                        }
                        None => drop(server.serve_connection(TokioIo::new(stream), service).await),
                    }
                });
            }
        });
        Self { url, ca: tls.then(|| authority.pem()), seen }
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

type Answered = Result<Response<BoxBody<Bytes, Infallible>>, Infallible>;

async fn answer(request: Request<Incoming>, base: String, seen: Arc<Mutex<Vec<String>>>) -> Answered {
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    seen.lock().unwrap().push(format!("{method} {path}"));
    let full = |body: Bytes| Full::new(body).boxed();
    let answer = match path.as_str() {
        "/echo" => Response::new(full(body)),
        "/empty" => Response::builder().status(204).body(full(Bytes::new())).unwrap(),
        "/links" => Response::builder()
            .status(201)
            .header("azure-asyncoperation", format!("{base}/operations/1?t=2"))
            .header("content-type", "application/json; charset=utf-8")
            .body(full(Bytes::from(format!("{{\"nextLink\":\"{base}/links?page=2\"}}"))))
            .unwrap(),
        "/stream" => {
            let ticks = futures::stream::unfold(0, |tick| async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                Some((Ok::<_, Infallible>(Frame::data(Bytes::from(format!("{tick}\n")))), tick + 1))
            });
            Response::new(BodyExt::boxed(StreamBody::new(Box::pin(ticks))))
        }
        _other => Response::new(full(Bytes::from_static(b"hello"))),
    };
    Ok(answer)
}

fn client(proxy: &Proxy) -> reqwest::Client {
    support::install_crypto();
    let mut builder = reqwest::Client::builder().no_proxy().timeout(SOON);
    if let Some(pem) = proxy.ca_pem() {
        builder = builder.tls_certs_only([reqwest::Certificate::from_pem(pem.as_bytes()).unwrap()]);
    }
    builder.build().unwrap()
}

#[tokio::test]
async fn proxy_passes_bodies_and_statuses_unchanged_and_keeps_a_journal() {
    let upstream = Upstream::start(false).await;
    let proxy = Proxy::start(&Options::new(&upstream.url)).unwrap();
    let client = client(&proxy);
    let large = "x".repeat(3_000_000);

    let echoed = client.put(format!("{}/echo?a=b", proxy.url())).body(large.clone()).send().await.unwrap();
    assert_eq!(echoed.text().await.unwrap(), large);
    let empty = client.get(format!("{}/empty", proxy.url())).send().await.unwrap();

    assert_eq!(empty.status(), 204);
    let journal = proxy.journal();
    let kept: Vec<_> = journal
        .iter()
        .map(|entry| (entry.seq, entry.method.as_str(), entry.path.as_str(), entry.query.as_str(), entry.status))
        .collect();
    assert_eq!(kept, [(1, "PUT", "/echo", "a=b", Some(200)), (2, "GET", "/empty", "", Some(204))]);
    assert!(journal.iter().all(|entry| entry.finished.is_some_and(|finished| finished >= entry.at)));
}

#[tokio::test]
async fn proxy_leads_operation_urls_and_next_links_through_itself_over_tls() {
    let upstream = Upstream::start(true).await;
    let options = Options::new(&upstream.url).upstream_ca(upstream.ca.as_deref().unwrap()).tls().rewrite_urls();
    let proxy = Proxy::start(&options).unwrap();

    let answer = client(&proxy).get(format!("{}/links", proxy.url())).send().await.unwrap();

    assert_eq!(answer.status(), 201);
    let operation = answer.headers()["azure-asyncoperation"].to_str().unwrap().to_owned();
    assert_eq!(operation, format!("{}/operations/1?t=2", proxy.url()));
    assert_eq!(answer.text().await.unwrap(), format!("{{\"nextLink\":\"{}/links?page=2\"}}", proxy.url()));
}

#[tokio::test]
async fn proxy_lets_a_stream_flow_and_breaks_it_when_it_is_cut() {
    let upstream = Upstream::start(false).await;
    let proxy = Proxy::start(&Options::new(&upstream.url)).unwrap();
    let client = client(&proxy);
    let mut stream = client.get(format!("{}/stream?watch=true", proxy.url())).send().await.unwrap();
    assert_eq!(stream.chunk().await.unwrap().unwrap(), "0\n");

    proxy.cut();

    let broken = wait::until("the stream is broken", SOON, async || match stream.chunk().await {
        Ok(Some(chunk)) => Err(format!("{chunk:?}")),
        Ok(None) => Ok("ended"),
        Err(_) => Ok("broken"),
    })
    .await
    .unwrap();
    assert_eq!(broken, "broken");
    assert!(client.get(format!("{}/empty", proxy.url())).send().await.is_err());

    proxy.mend();
    assert_eq!(client.get(format!("{}/empty", proxy.url())).send().await.unwrap().status(), 204);
}

#[tokio::test]
async fn point_before_send_fires_once_and_the_upstream_never_sees_the_request() {
    let upstream = Upstream::start(false).await;
    let proxy = Proxy::start(&Options::new(&upstream.url)).unwrap();
    let client = client(&proxy);
    let armed = proxy.arm(Point::new("GET", "/*").nth(2), || {});

    let mut answered = Vec::new();
    for path in ["a", "b", "c"] {
        answered.push(client.get(format!("{}/{path}", proxy.url())).send().await.is_ok());
    }

    assert_eq!(answered, [true, false, true]);
    assert_eq!(upstream.seen(), ["GET /a", "GET /c"]);
    assert!(armed.fired());
    assert_eq!(proxy.journal()[1].status, None);
}

#[tokio::test]
async fn point_after_effect_fires_when_the_upstream_has_answered_and_the_client_gets_nothing() {
    let upstream = Upstream::start(false).await;
    let proxy = Proxy::start(&Options::new(&upstream.url)).unwrap();
    let seen = Arc::clone(&upstream.seen);
    let (sent, at_action) = std::sync::mpsc::channel();
    let armed = proxy.arm(Point::new("PUT", "/x").phase(Phase::AfterEffect), move || {
        sent.send(seen.lock().unwrap().clone()).unwrap();
    });

    let answer = client(&proxy).put(format!("{}/x", proxy.url())).send().await;

    assert!(answer.is_err());
    armed.wait_fired(SOON).await.unwrap();
    assert_eq!(at_action.recv().unwrap(), ["PUT /x"]);
}

#[tokio::test]
async fn point_after_answer_fires_when_the_client_has_everything_and_nothing_goes_on_before_it_is_done() {
    let upstream = Upstream::start(false).await;
    for path in ["/echo", "/empty", "/links"] {
        let proxy = Proxy::start(&Options::new(&upstream.url)).unwrap();
        let client = client(&proxy);
        let (release, released) = std::sync::mpsc::channel::<()>();
        let armed = proxy.arm(Point::new("POST", path).phase(Phase::AfterAnswer), move || {
            released.recv().unwrap();
        });
        let body = "y".repeat(500_000);

        let answer = client.post(format!("{}{path}", proxy.url())).body(body.clone()).send().await.unwrap();
        let text = answer.text().await.unwrap();

        assert!(path != "/echo" || text == body);
        assert!(!armed.fired());
        let next = tokio::spawn(client.get(format!("{}/next", proxy.url())).send());
        let before = upstream.seen().len();
        // The next request is on its way for this long at least, and must not come through.
        let early = tokio::time::timeout(Duration::from_millis(200), armed.wait_fired(SOON)).await;
        assert!(early.is_err() && upstream.seen().len() == before && !next.is_finished(), "{path}");
        release.send(()).unwrap();
        armed.wait_fired(SOON).await.unwrap();
        assert!(next.await.unwrap().is_ok(), "{path}");
    }
}

#[tokio::test]
async fn process_is_dead_when_its_point_has_fired() {
    let upstream = Upstream::start(false).await;
    let proxy = Proxy::start(&Options::new(&upstream.url)).unwrap();
    for phase in Phase::ALL {
        let guard = support::guard::Guard::new("amlco-test-proxy").unwrap();
        let mut curl = std::process::Command::new("curl");
        // The second request keeps it alive after the first answer: the proxy holds it until the action is done.
        curl.args(["--silent", "--noproxy", "*"]);
        curl.args(["victim", "next"].map(|path| format!("{}/{path}", proxy.url())));
        let victim = Arc::new(Mutex::new(None::<Arc<support::guard::Process>>));
        let (slot, deaths) = (Arc::clone(&victim), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&deaths);
        let armed = proxy.arm(Point::new("GET", "/victim").phase(phase), move || {
            let victim = wait::blocking_until("the victim is known", SOON, || {
                slot.lock().unwrap().clone().ok_or("not yet".to_owned())
            });
            drop(victim.unwrap().kill());
            counted.fetch_add(1, Ordering::SeqCst);
        });
        let process = Arc::new(guard.spawn("curl", &curl).unwrap());
        *victim.lock().unwrap() = Some(Arc::clone(&process));

        armed.wait_fired(SOON).await.unwrap();

        assert_eq!(deaths.load(Ordering::SeqCst), 1);
        assert!(process.try_wait().unwrap().is_some(), "{phase:?}");
    }
}

#[tokio::test]
async fn faults_answer_drop_truncate_and_hold_as_they_say() {
    let upstream = Upstream::start(false).await;
    let proxy = Proxy::start(&Options::new(&upstream.url)).unwrap();
    let client = client(&proxy);
    let get = |path: &str| client.get(format!("{}{path}", proxy.url())).send();
    let busy = Fault::Answer {
        status: 429,
        headers: vec![("Retry-After".to_owned(), "7".to_owned())],
        body: b"slow down".to_vec(),
    };
    let answered = proxy.fault(Point::new("GET", "/busy"), Times::First(1), busy);
    proxy.fault(Point::new("GET", "/dropped"), Times::Always, Fault::Drop);
    proxy.fault(Point::new("GET", "/lost"), Times::First(1), Fault::DropAnswer);
    proxy.fault(Point::new("GET", "/half"), Times::Always, Fault::Truncate(2));

    let first = get("/busy").await.unwrap();
    assert_eq!((first.status().as_u16(), first.headers()["retry-after"].to_str().unwrap()), (429, "7"));
    assert_eq!(first.text().await.unwrap(), "slow down");
    assert_eq!(get("/busy").await.unwrap().text().await.unwrap(), "hello");
    assert_eq!(answered.count(), 1);
    assert!(get("/dropped").await.is_err());
    assert!(get("/lost").await.is_err());
    assert!(get("/lost").await.is_ok());
    match get("/half").await {
        Ok(half) => assert!(half.text().await.is_err()),
        Err(error) => assert!(!error.is_timeout(), "{error}"),
    }
    assert_eq!(upstream.seen(), ["GET /busy", "GET /lost", "GET /lost", "GET /half"]);
}

#[tokio::test]
async fn held_request_goes_on_when_it_is_released() {
    let upstream = Upstream::start(false).await;
    let proxy = Proxy::start(&Options::new(&upstream.url)).unwrap();
    let held = proxy.fault(Point::new("GET", "/held"), Times::Always, Fault::Hold);
    let waiting = tokio::spawn(client(&proxy).get(format!("{}/held", proxy.url())).send());
    wait::until("the request is held", SOON, async || (held.count() == 1).then_some(()).ok_or("not yet".to_owned()))
        .await
        .unwrap();
    assert!(upstream.seen().is_empty() && !waiting.is_finished());

    held.release();

    assert_eq!(waiting.await.unwrap().unwrap().text().await.unwrap(), "hello");
}

#[tokio::test]
async fn operator_works_and_watches_through_a_proxy_before_the_api_server() {
    let plane = Plane::shared().await.unwrap();
    let namespace = plane.namespace("proxied").await.unwrap();
    let role = format!(
        "{{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {{name: edit}}, roleRef: \
         {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}}, subjects: \
         [{{kind: ServiceAccount, name: default, namespace: {namespace}}}]}}"
    );
    plane.apply_in(&namespace, &role).await.unwrap();
    let proxy = Proxy::start(&Options::new(plane.url()).upstream_ca(plane.ca_pem())).unwrap();
    let token = plane.service_account_token(&namespace, "default").await.unwrap();
    let kubeconfig = plane.kubeconfig_for_token("proxied.kubeconfig", &token, &namespace, proxy.url(), None).unwrap();
    let maps = Api::<ConfigMap>::namespaced(plane.client_for(&kubeconfig).await.unwrap(), &namespace);
    // RBAC learns of the binding by a watch, a moment after it is stored.
    let watch = wait::until("the account may watch", SOON, async || {
        maps.watch(&WatchParams::default(), "0").await.map_err(|error| error.to_string())
    });
    let mut watch = watch.await.unwrap().boxed();

    plane.apply_in(&namespace, "{apiVersion: v1, kind: ConfigMap, metadata: {name: one}}").await.unwrap();

    let added = async {
        loop {
            if let WatchEvent::Added(map) = watch.next().await.unwrap().unwrap() {
                return map;
            }
        }
    };
    let map = tokio::time::timeout(SOON, added).await.unwrap();
    assert_eq!(map.metadata.name.as_deref(), Some("one"));
    let journal = proxy.journal();
    let path = format!("/api/v1/namespaces/{namespace}/configmaps");
    assert!(journal.iter().any(|entry| entry.path == path && entry.is_watch()));
    assert_eq!(points(&journal, Phase::BeforeSend).len(), journal.len());
}
