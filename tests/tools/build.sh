#!/bin/sh
# Prints the folder that holds the real programs for the tests and the playground: kube-apiserver, etcd, kubectl,
# kube-controller-manager, helm, kubeconform and kstatus. It must not print anything else on standard output, and must
# not touch anything but its own cache.
#
# A control plane of the machine goes first: KUBEBUILDER_ASSETS, then PATH, as a set (kube-apiserver, etcd and kubectl
# from one place, or none of them), because a kubectl alone, or an old server, would change what the tests mean.
# kube-controller-manager is taken from the same place if it is there (envtest's bundles have none).
# Everything else is built once, from the Go modules beside this file, into
# ${XDG_CACHE_HOME:-~/.cache}/azureml-compute-operator/tools/<key>/bin.
set -eu

# The oldest server the CRDs are written for: k8s-openapi's v1_33 and the CEL that they use.
oldest_minor=33
# Counted up when the way of building changes, so that nobody keeps binaries built in another way.
recipe=1

home=$(cd "$(dirname "$0")" && pwd)
say() { echo "tools: $*" >&2; }
fail() { echo "tools: $*" >&2; exit 1; }

cache=${XDG_CACHE_HOME:-${HOME:-}/.cache}/azureml-compute-operator/tools
case $cache in
/.cache/*) fail "neither XDG_CACHE_HOME nor HOME is set, so there is no place for the built tools; set one of them" ;;
esac

# minor PROGRAM: the minor version of a kube-apiserver, from "Kubernetes v1.36.4"; nothing if it does not say.
minor() {
    version=$("$1" --version 2>/dev/null) || return 0
    expr "$version" : 'Kubernetes v1\.\([0-9][0-9]*\)' 2>/dev/null || true
}

# on_path PROGRAM: its full path, or nothing.
on_path() { command -v "$1" 2>/dev/null || true; }

# usable WHERE SERVER ETCD KUBECTL: whether these three make a control plane new enough; says why not. Our own cache is
# no place of the machine: a shell that sourced the playground's environment has it on PATH, perhaps an older one.
usable() {
    case $2 in "$cache"/*) return 1 ;; esac
    for program in "$2" "$3" "$4"; do
        [ -n "$program" ] && [ -x "$program" ] || return 1
    done
    found=$(minor "$2")
    if [ "${found:-0}" -lt "$oldest_minor" ]; then
        say "not using $2 ($1): its version is 1.${found:-unknown}, at least 1.$oldest_minor is needed"
        return 1
    fi
}

server= etcd= kubectl= manager=
assets=${KUBEBUILDER_ASSETS:-}
if [ -n "$assets" ]; then
    if usable KUBEBUILDER_ASSETS "$assets/kube-apiserver" "$assets/etcd" "$assets/kubectl"; then
        server=$assets/kube-apiserver etcd=$assets/etcd kubectl=$assets/kubectl
        [ ! -x "$assets/kube-controller-manager" ] || manager=$assets/kube-controller-manager
    else
        say "KUBEBUILDER_ASSETS ($assets) holds no kube-apiserver, etcd and kubectl that can be used; looking further"
    fi
fi
if [ -z "$server" ] && usable PATH "$(on_path kube-apiserver)" "$(on_path etcd)" "$(on_path kubectl)"; then
    server=$(on_path kube-apiserver) etcd=$(on_path etcd) kubectl=$(on_path kubectl)
    manager=$(on_path kube-controller-manager)
fi

command -v go >/dev/null 2>&1 ||
    fail "go is not installed, and helm, kubeconform and the health judge (and Kubernetes, unless KUBEBUILDER_ASSETS" \
        "names one) are built with it; install Go 1.26 or newer (https://go.dev/doc/install) and run this again"

digest() { if command -v sha256sum >/dev/null 2>&1; then sha256sum; else shasum -a 256; fi | cut -c 1-16; }

# key PARTS...: what a folder of binaries depends on: the recipe, Go, and the pinned modules named.
go_version=$(go env GOVERSION)
key() {
    (cd "$home" && { echo "$recipe $go_version $*" && cat "$@"; } | digest)
}

# The versions that the server and kubectl report come from the module, so that they cannot drift apart.
kubernetes=$(sed -n 's|^[[:space:]]*k8s.io/kubernetes \(v1\.[0-9.]*\)$|\1|p' "$home/go.mod")
[ -n "$kubernetes" ] || fail "$home/go.mod names no released version of k8s.io/kubernetes"
version=k8s.io/component-base/version
flags="-s -w -X $version.gitVersion=$kubernetes -X $version.gitMajor=1 -X $version.gitTreeState=clean"
flags="$flags -X $version.gitMinor=$(expr "$kubernetes" : 'v1\.\([0-9]*\)')"

# build MODULE PROGRAM PACKAGE HOW-LONG: one program into $work/bin, with a sign of life every 30 seconds.
build() {
    say "building $2 ($4, once)"
    (cd "$home/$1" && CGO_ENABLED=0 GOFLAGS=-mod=readonly exec nice -n 15 \
        go build -trimpath -buildvcs=false -ldflags "$flags" -o "$work/bin/$2" "$3") >"$work/log" 2>&1 &
    compiler=$!
    seconds=0
    while kill -0 "$compiler" 2>/dev/null; do
        sleep 1
        seconds=$((seconds + 1))
        [ $((seconds % 30)) -ne 0 ] || say "  still building $2, $seconds s"
    done
    if ! wait "$compiler"; then
        grep -v '^go: downloading' "$work/log" >&2 || true
        fail "building $2 failed (see above); a module that cannot be fetched means that GOPROXY is not reachable"
    fi
    compiler=
    rm "$work/log"
}

build_control_plane() {
    build . kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver "about 4 minutes on 2 cores"
    build . kube-controller-manager k8s.io/kubernetes/cmd/kube-controller-manager "about 1 minute"
    build . kubectl k8s.io/kubernetes/cmd/kubectl "less than a minute"
    build . etcd go.etcd.io/etcd/server/v3 "less than a minute"
}

build_checkers() {
    build charts helm helm.sh/helm/v4/cmd/helm "about 2 minutes"
    build charts kubeconform github.com/yannh/kubeconform/cmd/kubeconform "less than a minute"
    build kstatus kstatus . "less than a minute"
}

# The manager alone, beside a server of the machine that comes without one.
build_manager() { build . kube-controller-manager k8s.io/kubernetes/cmd/kube-controller-manager "about 5 minutes"; }

work= lock= compiler=
release() {
    # A background process of a script does not hear Ctrl-C.
    [ -z "$compiler" ] || kill "$compiler" 2>/dev/null || true
    [ -z "$work" ] || rm -rf "$work"
    [ -z "$lock" ] || rm -rf "$lock"
}
trap release EXIT
trap 'exit 130' HUP INT TERM

# acquire LOCK: a folder as lock, with its owner's pid inside; a lock whose owner is gone is taken over. Moving it
# aside first lets only one of several waiters take it over.
acquire() {
    waited=0
    until mkdir "$1" 2>/dev/null; do
        owner=$(cat "$1/pid" 2>/dev/null || true)
        if { [ -n "$owner" ] && ! kill -0 "$owner" 2>/dev/null; } || { [ -z "$owner" ] && [ "$waited" -ge 10 ]; }; then
            mv "$1" "$1.stale.$$" 2>/dev/null && rm -rf "$1.stale.$$"
            continue
        fi
        [ "$waited" -ne 0 ] || say "waiting for another run that builds the same tools (pid ${owner:-unknown})"
        waited=$((waited + 1))
        sleep 1
    done
    echo $$ >"$1/pid"
    lock=$1
}

# provide KEY BUILDER: runs BUILDER unless its folder is there; whole or not at all, by renaming.
provide() {
    [ ! -d "$cache/$1/bin" ] || return 0
    mkdir -p "$cache"
    acquire "$cache/$1.lock"
    if [ ! -d "$cache/$1/bin" ]; then
        work=$(mktemp -d "$cache/$1.partial.XXXXXX")
        mkdir "$work/bin"
        "$2"
        rm -rf "${cache:?}/$1"
        mv "$work" "$cache/$1"
        work=
    fi
    rm -rf "$lock"
    lock=
}

checkers=$(key charts/go.mod charts/go.sum kstatus/go.mod kstatus/go.sum kstatus/main.go)
if [ -z "$server" ]; then
    plane=$(key go.mod go.sum)
    provide "$plane" build_control_plane
    bin=$cache/$plane/bin
    server=$bin/kube-apiserver etcd=$bin/etcd kubectl=$bin/kubectl manager=$bin/kube-controller-manager
elif [ -z "$manager" ]; then
    say "$(dirname "$server") has no kube-controller-manager; building one of $kubernetes"
    plane=$(key go.mod go.sum)
    if [ -d "$cache/$plane/bin" ]; then
        manager=$cache/$plane/bin/kube-controller-manager
    else
        plane=$plane-manager
        provide "$plane" build_manager
        manager=$cache/$plane/bin/kube-controller-manager
    fi
fi
provide "$checkers" build_checkers
bin=$cache/$checkers/bin

# One folder of links over all of them, named by what it holds, so that it never changes under a reader.
link_all() {
    for program in "$server" "$etcd" "$kubectl" "$manager" "$bin/helm" "$bin/kubeconform" "$bin/kstatus"; do
        ln -s "$program" "$work/bin/$(basename "$program")"
    done
}
all=$(printf '%s\n' "$server" "$etcd" "$kubectl" "$manager" "$bin" | digest)-links
provide "$all" link_all
echo "$cache/$all/bin"
