# SPDX-License-Identifier: Apache-2.0
#
# A thin front for meson. The two that matter: make up, make test.
#
#   make            build/bulkhead
#   make up         install what is missing, build, and bring the example network up
#   make test       all tests but the long ones; TESTS=PATTERN runs those whose name contains it
#   make test-long  those too
#   make bench      the benchmarks, to build/bench/*.json; BENCH=PATTERN runs some
#   make fuzz       every fuzz target for FUZZ_SECONDS; FUZZ=NAME runs one
#   make docs       man pages, to build/man/
#   make install    to PREFIX (default /usr/local), under DESTDIR
#   make clean

PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60
MESON = meson
# On a terminal ninja shows one line that moves; a log gets only what went wrong. Where nothing is to be done, neither says so.
define build
@ninja -C $(1) -n --quiet 2>&1 | grep -q 'no work to do' || ninja $(shell test -t 2 || echo --quiet) -C $(1)
endef

# build/ is the normal build, and the judge of warnings; these two stand beside it.
SAN_OPTIONS = -Db_sanitize=address,undefined -Db_lundef=false -Dwerror=false
FUZZ_OPTIONS = -Dfuzzing=true $(SAN_OPTIONS)

.PHONY: all up test test-long bench fuzz docs install clean san
.NOTPARALLEL:

all: build/build.ninja
	$(call build,build)
	@ln -sf src/cli/bulkhead build/bulkhead

san: build/san/build.ninja
	$(call build,build/san)

up:
	@tools/install-packages
	@$(MAKE) --no-print-directory all
	@tools/up

test test-long:
	@tools/install-packages test $(if $(filter test-long,$@),long)
	@$(MAKE) --no-print-directory all san
	@tools/run-tests $(if $(filter test-long,$@),--long) $(TESTS)

bench:
	@tools/install-packages test bench
	@$(MAKE) --no-print-directory all
	@tools/run-bench $(BENCH)

fuzz:
	@tools/install-packages fuzz
	@$(MAKE) --no-print-directory build/libfuzzer/build.ninja
	$(call build,build/libfuzzer)
	@tools/run-fuzz $(FUZZ_SECONDS) $(FUZZ)

docs: all
	@tools/make-man build/bulkhead build/man

install: docs
	@$(MESON) configure build -Dprefix=$(PREFIX)
	@DESTDIR=$(DESTDIR) $(MESON) install -C build --quiet
	@install -d $(DESTDIR)$(PREFIX)/share/man/man1
	@install -m 644 build/man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1
	@install -d $(DESTDIR)$(PREFIX)/share/man/man3
	@install -m 644 build/man/*.3 $(DESTDIR)$(PREFIX)/share/man/man3
	@echo "Installed to $(DESTDIR)$(PREFIX)."

clean:
	rm -rf build

# Quiet unless it fails: then the whole log.
define setup
@mkdir -p build
@echo "Setting up $(@D)."
@$(1) >build/setup.log 2>&1 || { cat build/setup.log; exit 1; }
endef

build/build.ninja:
	$(call setup,$(MESON) setup build)

build/san/build.ninja:
	$(call setup,$(MESON) setup build/san $(SAN_OPTIONS))

build/libfuzzer/build.ninja:
	$(call setup,CC=clang $(MESON) setup build/libfuzzer $(FUZZ_OPTIONS))
