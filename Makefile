# SPDX-License-Identifier: Apache-2.0
# What people type. Meson and Ninja do the work.
#
#	make            build/crtools
#	make STATIC=1   build-static/crtools: one small file that needs nothing beside it
#	make ARCH=aarch64    build-aarch64/crtools, on another processor
#	make demo       shows the main job, on a real program
#	make check      all tests (as root); make check-quick: a minute, without root
#	make check-guests    the workloads on other kernels, in emulated machines
#	make bench      measures against CRIU 4.2
#	make install    (DESTDIR=, PREFIX=); make uninstall takes away what it has put there
#	make lint       style and static checks; make format puts the format in order
#	make asan ubsan coverage clang    builds in folders of their own, and the unit tests in them;
#			WHAT='pipes/* cli/show': these tests with that tool, too (some need a tool
#			without AddressSanitizer, and are skipped: "no-asan" in test/lib/needs.py)
#	make fuzz       the fuzz targets, SECONDS= each
ifdef STATIC
B ?= build-static
MESON_FLAGS += -Dstatic=true
endif
ifdef ARCH
B ?= build-$(ARCH)
MESON_FLAGS += --cross-file src/agent/arch/$(ARCH)/cross.ini
# The compiler's folder, once tools/setup has been called.
CROSS = PATH="$$(tools/cross $(ARCH)):$$PATH"
endif
B ?= build
PREFIX ?= /usr/local
JOBS ?= 2
# Compilers as many as processors, unless JOBS= says how many; tests run two at a time.
CC_JOBS := $(if $(filter command environment,$(origin JOBS)),$(JOBS),$(shell nproc))
SECONDS ?= 10

all: $(B)/build.ninja
	@$(CROSS) ninja -C $(B) -j $(CC_JOBS) --quiet

$(B)/build.ninja:
	@tools/setup build $(ARCH)
	@$(CROSS) meson setup $(B) --prefix $(PREFIX) $(MESON_FLAGS) >/dev/null || \
		{ $(CROSS) meson setup --reconfigure $(B); exit 1; }

setup-test:
	@tools/setup test app

# What guests of another processor run. Where it can't be had, their tests are skipped, and say so.
cross:
	@if tools/setup aarch64 && tools/cross aarch64 >/dev/null; then \
		$(MAKE) --no-print-directory ARCH=aarch64 B=build-aarch64 STATIC=; \
	else \
		echo "no cross compiler for aarch64: its guests are left out"; \
	fi

check: setup-test all cross
	@test/run -j $(JOBS) --build $(abspath $(B)) all

check-quick: all
	@tools/setup quick
	@test/run -j $(JOBS) --build $(abspath $(B)) quick

check-guests: setup-test all cross
	@test/guest/run --build $(abspath $(B)) $(KERNELS) $(if $(WHAT),-- $(WHAT))

# Only what it shows: no man pages.
demo: $(B)/build.ninja
	@$(CROSS) ninja -C $(B) -j $(CC_JOBS) --quiet crtools
	@B=$(B) tools/demo

bench: all
	@tools/setup test
	@bench/run --build $(abspath $(B)) $(BENCH)

install: all
	@meson install -C $(B) --no-rebuild

uninstall:
	@ninja -C $(B) --quiet uninstall >/dev/null

lint:
	@tools/setup lint
	@tools/lint

format:
	@tools/setup lint
	@tools/lint --fix

# The unit tests in a build of another kind; $(1) its name, $(2) what meson is told, $(3) env.
define variant
	@tools/setup $(4)
	@[ -f build-$(1)/build.ninja ] || $(3) meson setup build-$(1) $(2) >/dev/null
	@ninja -C build-$(1) -j $(CC_JOBS) --quiet all unit-tests
endef

# With a check of each pointer in it gcc 12 takes a format for NULL, where it knows better without.
sanitized = -Db_lundef=false -Dc_args=-Wno-format-truncation

asan:
	$(call variant,asan,-Db_sanitize=address$(comma)undefined $(sanitized))
	@meson test -C build-asan --no-rebuild --print-errorlogs
	@set -f; [ -z "$(WHAT)" ] || test/run -j $(JOBS) --build $(abspath build-asan) $(WHAT)

ubsan:
	$(call variant,ubsan,-Db_sanitize=undefined $(sanitized))
	@meson test -C build-ubsan --no-rebuild --print-errorlogs
	@set -f; [ -z "$(WHAT)" ] || test/run -j $(JOBS) --build $(abspath build-ubsan) $(WHAT)

coverage:
	@tools/setup
	@[ -f build-coverage/build.ninja ] || meson setup build-coverage -Db_coverage=true >/dev/null
	@ninja -C build-coverage -j $(CC_JOBS) --quiet
	@test/run -j $(JOBS) --build $(abspath build-coverage) $(or $(WHAT),all); status=$$?; \
		tools/coverage build-coverage; exit $$status

clang:
	$(call variant,clang,--werror,CC=clang,lint)

fuzz:
	@tools/setup lint
	@test/fuzz/run $(SECONDS)

clean:
	rm -rf $(B) build-static build-asan build-ubsan build-coverage build-clang build-fuzz

comma := ,

.PHONY: all setup-test cross check check-quick check-guests demo bench install uninstall lint format asan \
	ubsan coverage clang fuzz clean
