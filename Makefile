# Everything that can be done with this checkout. `make demo` and `make test` set up what they need.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= /usr/bin/python3
BIN := .venv/bin
PACKAGES := exporter healer gate backup cluster lab dashboards
CODE := $(PACKAGES) tests bench
SOURCES := $(shell find $(PACKAGES) rules runbooks dashboards scenarios -type f -not -name '*.pyc' 2>/dev/null)
export SOURCE_DATE_EPOCH := 1767225600

# What Debian has to bring: environments for Python, nodes for the lab, a bus for the exporter's tests.
DEBIAN := python3-venv python3-dev dbus ca-certificates \
	systemd-container mmdebstrap iproute2 nftables e2fsprogs zstd lxcfs openssh-client openssl
# A browser for the tests of the pages (300 MiB), which nothing else needs.
BROWSER := chromium fonts-dejavu-core
# Programs that check what we render. They are unpacked and never installed, so no daemon starts here.
TOOLS := prometheus prometheus-alertmanager prometheus-node-exporter haproxy keepalived etcd-server openssh-server webhook redis-server redis-tools redis-sentinel \
	fence-agents restic pacemaker-cli-utils pacemaker-common pacemaker pacemaker-resource-agents resource-agents corosync pgbackrest postgresql-15 postgresql-client-15
# What these need beyond a small Debian.
LIBRARIES := libglib2.0-0 liblua5.3-0 libmnl0 libnftnl11 libnl-3-200 libnl-genl-3-200 libopentracing-c-wrapper0 \
	libjemalloc2 liblua5.1-0 liblzf1 lua-bitop lua-cjson libopentracing1 libpci3 libperl5.36 libsensors5 libsnmp40 libwrap0 \
	python3-pycurl python3-pexpect python3-ptyprocess libcurl3-gnutls libssh2-1 librtmp1 libnghttp2-14 libpsl5 libldap-2.5-0 libsasl2-2 libbrotli1 \
	libcib27 libcrmcommon34 libcrmcluster29 libcrmservice28 liblrmd28 libpacemaker1 libpe-rules26 libpe-status28 libstonithd26 libqb100 \
	libcfg7 libcmap4 libcorosync-common4 libcpg4 libquorum5 libltdl7 libpils2 libplumb2 libplumbgpl2 libstonith1 libxml2 libicu72 libxslt1.1 \
	libknet1 libnozzle1 libnl-route-3-200 libstatgrab10 libvotequorum8 \
	libpq5 libzstd1 liblz4-1 libreadline8 libgssapi-krb5-2 libkrb5-3 libk5crypto3 libkrb5support0 libcom-err2 libkeyutils1

# Install what is missing of some packages, and leave a mark that it is there.
define install
missing=$$(for p in $(1); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
if [ -n "$$missing" ]; then \
	[ "$$(id -u)" = 0 ] || { echo "make: missing Debian packages, run as root: apt-get install $$missing" >&2; exit 1; }; \
	echo "installing" $$missing; export DEBIAN_FRONTEND=noninteractive; \
	apt-get update -qq; apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
fi; mkdir -p $(@D); touch $@
endef

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 12

setup: .venv/.ready  ## Debian's packages and the pinned environment in .venv

.venv/.debian: Makefile
	@$(call install,$(DEBIAN))

.venv/.browser: .venv/.debian
	@$(call install,$(BROWSER))

.venv/.ready: .venv/.debian pyproject.toml requirements/build.txt requirements/dev.txt
	@echo "making .venv"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install -qq --disable-pip-version-check --require-hashes -r requirements/build.txt -r requirements/dev.txt
	@$(BIN)/pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e . 2>/dev/null
	@touch $@

tools: .tools/.ready  ## programs that check what is rendered, unpacked into .tools

.tools/.ready: .venv/.debian
	@echo "unpacking $(TOOLS)"
	@rm -rf .tools; mkdir -p .tools/deb
	@apt-get update -qq; cd .tools/deb; apt-get download -q $(TOOLS) $(LIBRARIES) >/dev/null 2>&1
	@for deb in .tools/deb/*.deb; do dpkg-deb -x $$deb .tools; done
	@rm -rf .tools/deb; touch $@

docker: .tools/docker/.ready  ## a Docker for the test of docker-compose.yml, unpacked into .tools

# Only what this machine lacks is unpacked. Its iptables are Debian's alternatives, which unpacking does not make.
.tools/docker/.ready: .tools/.ready .venv/.ready requirements/build.txt
	@echo "unpacking docker.io and docker-compose"
	@rm -rf .tools/docker; mkdir -p .tools/docker/deb/partial .tools/docker/usr/sbin .tools/docker/bin
	@apt-get update -qq; apt-get install -qq -y --no-install-recommends --download-only -o APT::Sandbox::User=root \
		-o Dir::Cache::archives=$(CURDIR)/.tools/docker/deb docker.io docker-compose >/dev/null
	@cd .tools/docker/deb; apt-get download -q -o APT::Sandbox::User=root busybox-static >/dev/null
	@for deb in .tools/docker/deb/*.deb; do dpkg-deb -x $$deb .tools/docker; done
	@[ ! -e .tools/docker/usr/sbin/iptables-nft ] || for one in iptables ip6tables; do ln -s $$one-nft .tools/docker/usr/sbin/$$one; done
	@$(BIN)/pip download -qq --disable-pip-version-check --require-hashes --only-binary :all: --no-deps -d .tools/docker/wheels -r requirements/build.txt
	@rm -rf .tools/docker/deb; touch $@

dist: dist/.ready  ## what a node needs, with dist/install.sh that puts it there

dist/.ready: .venv/.ready $(SOURCES) requirements/node.txt install.sh
	@echo "building dist"
	@rm -rf dist build; mkdir -p dist/wheelhouse
	@$(BIN)/pip wheel -qq --disable-pip-version-check --no-deps --no-build-isolation -w dist/wheelhouse . 2>/dev/null
	@$(BIN)/pip download -qq --disable-pip-version-check --require-hashes --only-binary :all: --no-deps -d dist/wheelhouse -r requirements/node.txt
	@cp requirements/node.txt dist/wheelhouse/requirements.txt
	@$(BIN)/python gate/pack.py dist/hale-gate.pyz; $(BIN)/python backup/pack.py dist/hale-backup.pyz
	@cp install.sh dist
	@rm -rf build; touch $@

demo: setup dist  ## a load-balanced tier breaks in seven ways, healed in view (root; six minutes, 15 more the first time)
	@$(BIN)/hale-lab demo web-tier

soak: setup dist  ## half an hour of a healthy tier under changing load, in which nothing may happen (root)
	@$(BIN)/hale-lab soak web-tier --for 30m
	@cp build/drills/soak.txt scenarios/web-tier/soak.txt

test: setup tools docker dist .venv/.browser  ## every test, and the drills on real nodes (root)
	@$(MAKE) units
	@$(BIN)/python -m tests.healer.safety --seeds 0-1999 --jobs 0
	@$(BIN)/hale-lab check || { echo "make test: no drill was run" >&2; exit 1; }
	@$(LAB) $(ALONE)
	@rm -rf build/again/labs
	@$(MAKE) -j2 --output-sync $(LABS)
	@$(MAKE) .again-labs
	@echo "make test: all tests and drills passed but those of make drills$$(cat build/again/*/* 2>/dev/null | sed 's/.*::\(.*\)/, \1 the second time/' | tr -d '\n')"

drills: setup dist  ## the drills that make test leaves out (root; half an hour)
	@$(BIN)/hale-lab check || { echo "make drills: no drill was run" >&2; exit 1; }
	@$(PYTEST) -m "lab and seldom" tests/lab
	@echo "make drills: all of them passed"

PYTEST := $(BIN)/python -m pytest -q -o faulthandler_timeout=0
LAB := $(PYTEST) -m "lab and not seldom"
# These look at the whole machine. All others share it with one more lab, since a drill mostly waits.
ALONE := tests/compose $(patsubst %,tests/lab/test_%.py,clean_end kernel_log real_nodes)
LAB_1 := $(wildcard tests/lab/test_web_tier_*.py)
LAB_2 := $(wildcard $(patsubst %,tests/lab/test_%_*.py,postgres_ha redis_sentinel storage_pair three_healers))
LABS := .lab-2 .lab-1 .lab-3
AGAIN := -p tests.again --again build/again/

.lab-1 .lab-2: .lab-%:
	@$(LAB) $(AGAIN)labs/$* $(LAB_$*)

.lab-3: .lab-%:
	@$(LAB) $(AGAIN)labs/$* $(addprefix --ignore=,$(ALONE) $(LAB_1) $(LAB_2)) tests

# What lost a race beside others is run once more without them; see tests/again.py.
.again-labs .again-units: .again-%:
	@for part in $(wildcard build/again/$*/*); do $(PYTEST) @$$part || exit 1; done

# The tests mostly wait, so several parts at once take less time. Each shows what it has to say when it ends.
PART_1 := tests/healer/adapters tests/gate
PART_2 := tests/backup
PART_3 := $(wildcard tests/healer/test_*.py)
PART_4 := $(addprefix tests/healer/,core safety web) tests/cluster
PART_5 := $(addprefix --ignore=,$(PART_1) $(PART_2) $(PART_3) $(PART_4)) tests
PARTS := $(addprefix .units-,1 2 3 4 5)

units: setup tools docker .venv/.browser  ## every test but those on real nodes
	@rm -rf build/again/units
	@$(MAKE) -j3 --output-sync $(PARTS)
	@$(MAKE) .again-units

$(PARTS): .units-%:
	@$(BIN)/python -m pytest -q -m "not lab" $(AGAIN)units/$* $(PART_$*)

schedules: setup  ## 10,000 schedules of all that goes wrong, on virtual time, on every core
	@$(BIN)/python -m tests.healer.safety --seeds 0-9999 --jobs 0

mutants: setup  ## plant mistakes in healer/core and count those that the tests see (a quarter of an hour if all is quiet; not in CI)
	@$(BIN)/python -m tests.mutants

check: setup tools  ## formatter, linter, types, import contracts, rules, rendered configuration
	@$(BIN)/ruff format --check -q $(CODE)
	@$(BIN)/ruff check -q $(CODE)
	@$(BIN)/mypy
	@$(BIN)/lint-imports | tail -n 3
	@.tools/usr/bin/promtool check rules rules/*.yml >/dev/null
	@.tools/usr/bin/promtool test rules tests/rules/*.test.yml >/dev/null
	@for scenario in scenarios/*/cluster.yml; do \
		$(BIN)/hale-cluster check $$scenario >/dev/null || [ $$? = 1 ] || exit 1; \
		out=$$(mktemp -d); $(BIN)/hale-cluster render $$scenario $$out >/dev/null; \
		.tools/usr/bin/amtool check-config $$out/*/etc/prometheus/alertmanager.yml >/dev/null; \
		.tools/usr/bin/promtool check config $$out/*/etc/prometheus/prometheus.yml >/dev/null; \
		rm -rf $$out; \
	done
	@$(BIN)/python -m pytest -q -m tools tests/cluster/test_native.py >/dev/null
	@echo "make check: clean"

rulebook: .tools/rulebook/.ready  ## ansible-rulebook, a peer of two benchmarks, in .tools

.tools/rulebook/.ready: .tools/.ready requirements/rulebook.txt
	@echo "making .tools/rulebook"
	@rm -rf .tools/rulebook; $(PYTHON) -m venv .tools/rulebook
	@.tools/rulebook/bin/pip install -qq --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/rulebook.txt
	@touch $@

node: .tools/node/.ready  ## what a node runs, in .tools, for the benchmarks

# As install.sh does it, without root and outside of the system's folders.
.tools/node/.ready: .tools/.ready dist/.ready
	@echo "making .tools/node"
	@rm -rf .tools/node; $(PYTHON) -m venv .tools/node
	@for what in "--require-hashes -r dist/wheelhouse/requirements.txt" dist/wheelhouse/hale_ha-*.whl; do \
		.tools/node/bin/pip install --isolated -qq --no-index --find-links dist/wheelhouse --no-deps --no-cache-dir --disable-pip-version-check $$what || exit 1; done
	@touch $@

bench: setup tools dist node  ## every figure that a document quotes
	@$(MAKE) -s rulebook || echo "pip cannot install ansible-rulebook here"
	@for one in $(filter-out $(addprefix bench/,classify.py exporters.py large_node.py loopback.py nodes.py peer.py plant.py session.py),$(wildcard bench/*.py)); do $(BIN)/python $$one; done

dashboards: setup  ## write the dashboards' JSON anew
	@$(BIN)/python -m dashboards.cluster

lock: setup  ## pin the requirements anew
	@$(PYTHON) -m venv build/lock && build/lock/bin/pip install -qq pip-tools
	@compile="build/lock/bin/pip-compile -q --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-options --strip-extras --allow-unsafe --no-header --no-annotate --upgrade"; \
	$$compile --extra lab --extra dev -o requirements/dev.txt pyproject.toml; \
	$$compile --extra healer -c requirements/dev.txt -o requirements/node.txt pyproject.toml; \
	$$compile -o requirements/rulebook.txt requirements/rulebook.in; \
	$$compile -o requirements/build.txt requirements/build.in; rm -rf build/lock

clean:  ## what make made, but for the lab's cache
	@rm -rf .venv .tools build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

.PHONY: help setup tools docker rulebook node dist demo soak test drills units schedules mutants check bench dashboards lock clean
