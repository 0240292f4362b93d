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

# What `sudo make` built belongs to whoever called sudo, where the tree does: `make` without sudo goes on with it.
give_back = $(if $(filter-out 0,$(filter $(shell stat -c %u .),$(SUDO_UID))),chown -Rh --from=0 $(SUDO_UID):$(SUDO_GID) build,true)
then_give_back = status=$$?; $(give_back); exit $$status

# What another user built, root as a rule, is not ours to go on with.
define writable
{ test -z "$$(find build -maxdepth 3 \( -type d -o -name .ninja_log \) ! -writable -print -quit 2>&1)" || { \
	echo "build/ was built by another user ($$(stat -c %U build)): \`sudo chown -R $$(id -un) build\` makes it yours, \`sudo rm -rf build\` takes it away" >&2; \
	exit 1; }; }
endef

# On a terminal ninja shows one line that moves; a log gets only what went wrong. Where nothing is to be done, neither says so.
define build
@ninja -C $(1) -n --quiet 2>&1 | grep -q 'no work to do' || { $(writable) && ninja $(shell test -t 2 || echo --quiet) -C $(1); $(then_give_back); }
endef

# build/ is the normal build, and the judge of warnings; these two stand beside it.
SAN_OPTIONS = -Db_sanitize=address,undefined -Db_lundef=false -Dwerror=false
FUZZ_OPTIONS = -Dfuzzing=true $(SAN_OPTIONS)

.PHONY: all up test test-long bench fuzz docs install clean san
.NOTPARALLEL:

all: build/build.ninja
	$(call build,build)
	@test "$$(readlink build/bulkhead)" = src/cli/bulkhead || { ln -sf src/cli/bulkhead build/bulkhead; $(then_give_back); }

san: build/san/build.ninja
	$(call build,build/san)

up:
	@tools/install-packages
	@$(MAKE) --no-print-directory all
	@tools/up

test test-long:
	@tools/install-packages test $(if $(filter test-long,$@),long)
	@$(MAKE) --no-print-directory all san
	@tools/run-tests $(if $(filter test-long,$@),--long) $(TESTS); $(then_give_back)

bench:
	@tools/install-packages test bench
	@$(MAKE) --no-print-directory all
	@tools/run-bench $(BENCH); $(then_give_back)

fuzz:
	@tools/install-packages fuzz
	@$(MAKE) --no-print-directory build/libfuzzer/build.ninja
	$(call build,build/libfuzzer)
	@tools/run-fuzz $(FUZZ_SECONDS) $(FUZZ); $(then_give_back)

docs: all
	@tools/make-man build/bulkhead build/man; $(then_give_back)

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
@mkdir -p build && $(writable)
@echo "Setting up $(@D)."
@$(1) >build/setup.log 2>&1 || { cat build/setup.log; false; }; $(then_give_back)
endef

build/build.ninja:
	$(call setup,$(MESON) setup build)

build/san/build.ninja:
	$(call setup,$(MESON) setup build/san $(SAN_OPTIONS))

build/libfuzzer/build.ninja:
	$(call setup,CC=clang $(MESON) setup build/libfuzzer $(FUZZ_OPTIONS))
