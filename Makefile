# Everything here needs Go alone, but for what says otherwise. `make help` lists it.

GO          ?= go
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0

# The race detector needs a C compiler; without one, Go itself says so here. It watches the
# memory of Go alone (runtime/race.go: racearenastart), and SQLite, which is C made into Go,
# has its own from mmap: watching its code finds nothing and takes most of the time.
C_MADE_GO := modernc.org/sqlite/lib modernc.org/libc/... modernc.org/memory
# The curve of every signature is sums on values that one goroutine has: nothing to be found there (a
# twentieth of one profile of agent's tests).
# So it is with base64 and patterns, which go over a content byte by byte (three tenths of the processor's time in
# four tests of the FHIR door): whoever hands them a buffer touches it in code that is watched.
SUMS := crypto/internal/fips140/edwards25519/... encoding/base64 regexp/...
# Not so nats-server, where no gain was seen beside the noise: what it orders by atomics alone would be
# reported as a race where it meets the standard library, which is watched.
RACE := $(if $(filter 1,$(shell $(GO) env CGO_ENABLED)),-race $(patsubst %,-gcflags=%=-race=false,$(C_MADE_GO) $(SUMS)))

# Tests that may stand beside each other mostly wait, for a process or for an answer that was lost: so they are more at
# a time than there are processors.
PROCESSORS := $(or $(shell getconf _NPROCESSORS_ONLN 2>/dev/null),1)
BESIDE := -parallel $(shell expr $(PROCESSORS) + 2)

# The tests of what is large, whose time goes over bytes one by one, are passed over by the
# detector and run without it (internal/largetest).
LARGE = CGO_ENABLED=0 $(GO) test -vet=off -run Large -timeout 10m $(sort $(dir $(shell grep -rl --include='*_test.go' 'largetest\.Unwatched' .)))

# Without cgo, as the binary is built: so what tests build to run it is built once.
VET := CGO_ENABLED=0 $(GO) vet ./...

# How long each fuzz target runs: a time (30s) or a number of inputs (5000x).
FUZZTIME ?= 30s
# Below which folders they are looked for. Those that link SQLite take many minutes to
# build: -fuzz instruments every package of the binary.
FUZZDIRS ?= .
# How many histories the long simulation plays, and from which seed on.
RUNS ?= 1000
SEED ?= 1

# How many cases each property is tried with, and how often a longer search kills.
CHECKS ?= 40
KILLS ?= 40

# Where the processor's time goes: the compiler lays out and inlines by it what is used most
# (cmd/carelog/DESIGN.md). It is not called default.pgo, since every test would build all anew with it.
PROFILE := cmd/carelog/carelog.pgo

.PHONY: help build profile demo test samples search lint pictures paint vuln bench fuzz simulate sumehrs clean

help: ## List what can be made.
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' $(MAKEFILE_LIST)

build: ## Build the binary, static, as bin/carelog.
	CGO_ENABLED=0 $(GO) build -trimpath -pgo=$(PROFILE) -o bin/carelog ./cmd/carelog

profile: ## Make anew the profile that the binary is laid out by: of desks and brokers at the work they do most.
	dir="$$(mktemp -d)" && trap 'rm -rf "$$dir"' EXIT && \
	  CGO_ENABLED=0 $(GO) build -trimpath -tags profile -o "$$dir/carelog" ./cmd/carelog && \
	  CARELOG_PROFILE="$$dir" "$$dir/carelog" bench --sizes 100k --only door,replay,snapshot,login && \
	  $(GO) tool pprof -proto -output $(PROFILE) $$(find "$$dir" -name '*.pprof' -size +0)

demo: build ## Start a broker and two desks with sample patients; Ctrl-C ends all.
	./bin/carelog demo

test: ## Vet and test everything, with the race detector where there is a C compiler.
	$(VET)
	@$(if $(RACE),,echo "There is no C compiler here: testing without the race detector.")
	RAPID_CHECKS=$(CHECKS) $(GO) test $(RACE) $(BESIDE) -vet=off -timeout 25m ./...
	$(if $(RACE),$(LARGE),@:)

samples: ## Load every bundle of the samples at one desk, read all of it back at another, and hear what public validators say.
	CGO_ENABLED=0 CARELOG_SAMPLES=all $(GO) test -vet=off -count 1 -timeout 20m -run '^Test(BundlesAreTheSameAtAnotherDesk|VerdictsOfOthers)$$' ./agent/fhir

search: CHECKS = 1000
search: ## Test longer: with all samples, CHECKS cases of each property, and KILLS kills.
	CARELOG_SAMPLES=all CARELOG_KILL9_ROUNDS=$(KILLS) RAPID_CHECKS=$(CHECKS) $(GO) test $(RACE) $(BESIDE) -vet=off -count 1 -timeout 0 ./...
	$(if $(RACE),$(LARGE) -count 1,@:)

lint: ## Look for what is wrong without running it: gofmt, vet, staticcheck.
	@files="$$(gofmt -l .)"; test -z "$$files" || { echo "gofmt these files:"; echo "$$files"; exit 1; }
	$(VET)
	GOOS=windows $(GO) build -o $(if $(filter Windows_NT,$(OS)),NUL,/dev/null) ./cmd/carelog
	CGO_ENABLED=0 $(GO) run $(STATICCHECK) ./...

# Where the pictures go; docs has those that the README shows.
PICTURES := bin/pictures

pictures: ## Make a picture of every page in every state, from canned data; needs Chromium.
	mkdir -p $(PICTURES)
	CARELOG_PICTURES="$(abspath $(PICTURES))" $(GO) test -count 1 -timeout 10m -run '^TestPictures$$' ./agent/web
	for name in dossier first-sync conflict sumehrs; do cp "$(PICTURES)/page-$$name.png" "docs/$$name.png"; done

# How often each page is visited in each way.
VISITS ?= 15

paint: ## Say how long a page takes until it is painted, and a search until it finds; needs Chromium.
	CARELOG_VISITS=$(VISITS) $(GO) test -count 1 -timeout 20m -v -run '^TestFirst(Paint|Options)$$' ./agent/web

vuln: ## Look for known vulnerabilities; needs the network.
	$(GO) run $(GOVULNCHECK) ./...

# Of how many events the logs are; a million takes some ten minutes more.
SIZES ?= 10k,100k

bench: build ## Measure this machine beside its raw limits, with logs of SIZES events.
	./bin/carelog bench --sizes $(SIZES)

fuzz: ## Run each fuzz target for FUZZTIME, one after the other.
	@set -e; grep -rl --include='*_test.go' '^func Fuzz' $(FUZZDIRS) | while read -r file; do \
	  for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$$file"); do \
	    echo "fuzz $$(dirname "$$file") $$target"; \
	    $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "./$$(dirname "$$file")"; \
	  done; \
	done

simulate: ## Play RUNS seeded histories of several desks with faults, from SEED on.
	CARELOG_SIMULATE_RUNS=$(RUNS) CARELOG_SIMULATE_SEED=$(SEED) $(GO) test -run Simulat -count 1 -timeout 0 -v ./agent/...

# How many made-up patients get a Sumehr that is held against the schemas.
SUMEHRS ?= 1000

sumehrs: ## Hold the Sumehrs of SUMEHRS made-up patients and of all samples against schemas and rules.
	CARELOG_SUMEHRS=$(SUMEHRS) $(GO) test -count 1 -v -run 'Generated|Shared|RoundTrip' ./projections/sumehr

clean: ## Remove what was built.
	rm -rf bin
