# The entry point for people and for CI. It must not hold logic: each target is a few commands that can be typed by hand.
#
# Needs Rust 1.95 or newer, Go 1.26 or newer, Python 3.10 or newer with venv, make, openssl and curl. No container, no
# cluster, no Azure.

TARGET := $(or $(CARGO_TARGET_DIR),target)
BINARY := $(TARGET)/debug/azureml-compute-operator
PLAYGROUND := $(TARGET)/debug/playground
LOG := $(TARGET)/test.log

.PHONY: help tools build demo up down test conformance verify generate generate-check lint clean needs

help: ## show this help
	@echo 'azureml-compute-operator: Azure Machine Learning compute as Kubernetes objects'
	@echo
	@sed -n 's/^\([a-z-]*\):.* ## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-22s%s\n", $$1, $$2 }'

needs:
	@for program in cargo go python3 curl openssl; do \
	  command -v $$program >/dev/null || { echo "make: $$program is not installed; README.md says what is needed" >&2; exit 1; }; \
	done

tools: needs ## build kube-apiserver, etcd, kubectl, helm and the rest, once (about 7 minutes on 2 cores)
	@sh tests/tools/build.sh >/dev/null

build: needs ## build the operator, which is also the emulator, and the playground
	@# Together, so that both are built from the same dependencies with the same features, once.
	cargo build --workspace --bins

demo: tools build ## see the operator at work on this machine; ends with Ctrl-C, or by itself without a terminal
	@$(PLAYGROUND) demo --binary $(BINARY)

up: tools build ## start the same playground and leave it running
	@$(PLAYGROUND) up --binary $(BINARY)

down: ## end the playground that `make up` started
	@if [ -x $(PLAYGROUND) ]; then $(PLAYGROUND) down; else echo 'No playground is running.'; fi

# Everything that must pass: lint here, the rest as cargo tests (units, integration on a real control plane, layering,
# generated files, chart, Microsoft's SDK in a venv of its own). A red test does not hide the next one; the summaries come last.
test: tools lint ## run everything a change must pass
	@rm -rf $(TARGET)/conformance
	@sh tests/tools/test.sh $(LOG)

# Recordings, the published contract and Microsoft's clients judge the emulator; all of it is part of `test` too.
JUDGES := conformance $(notdir $(patsubst %/main.rs,%,$(wildcard tests/clients/main.rs)))

conformance: tools ## let recordings, contract and Microsoft's clients judge the emulator; report in target/conformance
	@rm -rf $(TARGET)/conformance
	@cargo test $(addprefix --test ,$(JUDGES)) --no-fail-fast; status=$$?; \
	echo; sed -n '3,7p' $(TARGET)/conformance/report.md; \
	echo 'All of it: $(TARGET)/conformance/report.md and report.json'; exit $$status

verify: tools lint ## the same tests with full counts; this takes hours
	@rm -rf $(TARGET)/conformance
	@AMLCO_FULL=1 AMLCO_SEEDS=100000 sh tests/tools/test.sh $(LOG)

generate: ## write crds/, config/samples, docs/reference and the chart's CRDs and roles from the code
	UPDATE_GENERATED=1 cargo test --test generated
	UPDATE_GENERATED=1 cargo test --test errors page

generate-check: ## check that the generated files are what the code says (part of test)
	cargo test --test generated

lint: needs ## formatting, clippy, documentation, and every crate alone (part of test)
	cargo fmt --all --check
	@unformatted=$$(gofmt -l tests/tools docs/examples); [ -z "$$unformatted" ] || { echo "gofmt: $$unformatted" >&2; exit 1; }
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --quiet --workspace --no-deps
	@# Alone, so that a crate does not live on what its neighbours switch on.
	@for package in $$(cargo tree --quiet --workspace --depth 0 --prefix none --format '{p}' | cut -d ' ' -f 1 | sort -u); do \
	  echo "cargo check --package $$package"; cargo check --quiet --package $$package || exit 1; \
	done
	@if cargo deny --version >/dev/null 2>&1; then cargo deny check bans licenses sources; \
	else echo 'cargo-deny is not installed; tests/layering.rs checks the banned crates'; fi

clean: down ## remove what was built here; the tools stay in the user's cache
	cargo clean
