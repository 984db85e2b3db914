# The commands people type. `make run` and `make test` bring what they need.

CARGO ?= cargo
PYTHON ?= python3
TARGET = $(or $(CARGO_TARGET_DIR),target)

.PHONY: run build install runtime web broker broker-stop server worker cluster demo-crash test test-tools chaos fresh lint listen metrics bench clean help

help: ## Tells what there is.
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: build ## Gets everything, builds, and serves the karaoke page on http://localhost:8080.
	$(TARGET)/release/karaoke up

build: runtime web ## Builds the program.
	$(CARGO) build --release --locked --bin karaoke
	@scripts/split_symbols.sh $(TARGET)/release/karaoke

PREFIX ?= /usr/local
install: ## Installs what `make build` made, with models, manual pages and completions (PREFIX=/usr/local).
	@scripts/install.sh $(TARGET)/release/karaoke "$(DESTDIR)$(PREFIX)"

runtime: ## Gets ONNX Runtime's library into .runtime/, unless it is there.
	@$(PYTHON) scripts/fetch_onnxruntime.py

web: ## Gets the page's library into web/lib/, unless it is there.
	@$(PYTHON) scripts/fetch_web_libraries.py

broker: ## Starts a RabbitMQ of the project's own, and says where it is (BROKER="--host 0.0.0.0": for other machines).
	@scripts/install_packages.sh rabbitmq-server:rabbitmq-server
	@$(PYTHON) scripts/broker.py start $(BROKER)

broker-stop: ## Stops it; what waits in its queues stays.
	@$(PYTHON) scripts/broker.py stop

server: build ## Serves the page and the API; the work is done by workers, through the broker.
	$(TARGET)/release/karaoke server

worker: build ## Runs a pool of workers, one a core.
	$(TARGET)/release/karaoke worker

cluster: build broker ## Runs broker, server and a pool of workers on this machine.
	@scripts/cluster.sh $(TARGET)/release/karaoke

demo-crash: build ## Ten healthy and two crashing workers finish a song, and tell how (DEMO="--help": more).
	@scripts/install_packages.sh rabbitmq-server:rabbitmq-server
	@$(PYTHON) scripts/demo_crash.py --karaoke $(TARGET)/release/karaoke $(DEMO)

test: runtime web test-tools ## Gets what the tests need, and runs all of them.
	$(CARGO) build --locked --workspace --all-targets
	scripts/with_broker.sh $(CARGO) test --locked --workspace

chaos: runtime web test-tools ## Kills and freezes everything, again and again, and compares the sound (SEEDS=1-30).
	$(CARGO) build --locked --workspace --all-targets
	CHAOS_SEEDS=$(or $(SEEDS),1-30) $(CARGO) test --locked -p karaoke-tests --test cluster chaos -- --nocapture

TEST_PYTHON = $(TARGET)/test-python
$(TEST_PYTHON)/.ready: tests/requirements.txt
	@# Debian's Python makes no environments without this package.
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || scripts/install_packages.sh ensurepip:python3-venv
	rm -rf $(TEST_PYTHON)
	$(PYTHON) -m venv $(TEST_PYTHON)
	$(TEST_PYTHON)/bin/pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@touch $@

FONTS = /usr/share/fonts/truetype
test-tools: $(TEST_PYTHON)/.ready ## Installs what only the tests need: a browser and fonts, an independent decoder and encoder, RabbitMQ, Prometheus, `ip`, curl, jq, and Python packages.
	@scripts/install_packages.sh chromium:chromium ffmpeg:ffmpeg mkvmerge:mkvtoolnix rabbitmq-server:rabbitmq-server ip:iproute2 prometheus:prometheus curl:curl jq:jq \
		$(FONTS)/dejavu/DejaVuSans.ttf:fonts-dejavu-core $(FONTS)/liberation/LiberationSans-Regular.ttf:fonts-liberation \
		$(FONTS)/noto/NotoSans-Regular.ttf:fonts-noto-core
	@$(PYTHON) scripts/fetch_web_libraries.py --tests

lint: ## Formatting, clippy, docs, who may depend on what, licences and advisories.
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps --document-private-items
	$(PYTHON) scripts/check_dependencies.py
	$(PYTHON) -m unittest discover -s scripts -p 'test_*.py'
	@CARGO=$(CARGO) scripts/deny.sh

fresh: ## Proves `make run` and `make test` on bare Debians 12 and 13; as root, an hour each (SUITES=trixie: only that).
	scripts/fresh.sh $(SUITES)

bench: build ## Measures; see benches/README.md.
	$(PYTHON) benches/pipeline.py overhead
	$(PYTHON) benches/pipeline.py first-sound
	$(PYTHON) benches/pipeline.py memory

LISTEN = $(TARGET)/listen
$(LISTEN)/.ready:
	$(PYTHON) -m venv $(LISTEN)
	$(LISTEN)/bin/pip install --quiet numpy soundfile
	@touch $@

listen: build $(LISTEN)/.ready ## A blind listening test of models on a folder of songs (SONGS=FOLDER MODELS="builtin builtin-spleeter").
	$(LISTEN)/bin/python models/listen.py $(SONGS) $(foreach model,$(MODELS),--model $(model))

metrics: ## Counts long files and functions, import circles, private words, public items without docs.
	$(PYTHON) scripts/code_metrics.py

clean: ## Removes what was built. Songs (data/) stay.
	$(CARGO) clean
	rm -rf .runtime web/lib
