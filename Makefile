# atls: Application-Layer TLS. `make help` lists the targets.

VERSION := 0.1.0
PREFIX  ?= /usr/local
BINDIR  ?= $(PREFIX)/bin
SBINDIR ?= $(PREFIX)/sbin
LIBDIR  ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
PCDIR   ?= $(LIBDIR)/pkgconfig
MANDIR  ?= $(PREFIX)/share/man
DATADIR ?= $(PREFIX)/share/atls
BASHDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR  ?= $(PREFIX)/share/zsh/site-functions
FISHDIR ?= $(PREFIX)/share/fish/vendor_completions.d
INSTALL ?= install

# Each flavour has a tree of its own below .build/, so that they never mix.
FLAVOUR ?= plain
FLAVOURS := plain clang asan clang-asan
B := .build/$(FLAVOUR)
OUT := $(if $(filter plain,$(FLAVOUR)),bin,$(B)/bin)

CC_plain := gcc
CC_clang := clang
CC_asan := gcc
CC_clang-asan := clang
CC_fuzz := clang
CC_tsan := gcc
CC_coverage := gcc
SAN_asan := -fsanitize=address,undefined -fno-sanitize-recover=all
SAN_clang-asan := $(SAN_asan)
SAN_tsan := -fsanitize=thread
SAN_fuzz := $(SAN_asan) -fsanitize=fuzzer-no-link
SAN_coverage := --coverage
OPT_plain := -O2 -D_FORTIFY_SOURCE=2
OPT_clang := $(OPT_plain)
OPT_fuzz := -O1
OPT_asan := -O1
OPT_clang-asan := -O1
OPT_tsan := -O1
OPT_coverage := -O0
ifeq ($(origin CC),default)
CC := $(CC_$(FLAVOUR))
endif
SAN := $(SAN_$(FLAVOUR))

# wslay comes without a file for pkg-config.
LIB_PC := gnutls nettle
LIB_LIBS := -lwslay
PC := $(LIB_PC) libcurl libmicrohttpd jansson libevent_core libpcap zlib
PC_CFLAGS = $(shell pkg-config --cflags $(PC))
PC_LIBS = $(shell pkg-config --libs $(PC)) $(LIB_LIBS)
LIB_PC_LIBS = $(shell pkg-config --libs $(LIB_PC)) $(LIB_LIBS)
WARN := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wformat=2 -Wvla -Werror
CFLAGS ?= $(OPT_$(FLAVOUR)) -g
ALL_CPPFLAGS = -Ilib -I. -D_GNU_SOURCE -DATLS_VERSION='"$(VERSION)"' $(CPPFLAGS)
ALL_CFLAGS = -std=c17 $(WARN) -fstack-protector-strong -fPIC -pthread $(CFLAGS) $(SAN) $(PC_CFLAGS)
ALL_LDFLAGS = -pthread $(LDFLAGS) $(SAN) -Wl,-z,relro,-z,now -Wl,--as-needed

LIB_SRC := $(sort $(wildcard lib/*/*.c))
LIB_OBJ := $(LIB_SRC:%.c=$(B)/%.o)
LAYER_OBJ = $(filter $(B)/lib/$(1)/%,$(LIB_OBJ))
CORE_OBJ := $(foreach layer,core trust explain,$(call LAYER_OBJ,$(layer)))
EDGE_OBJ := $(foreach layer,net cli,$(call LAYER_OBJ,$(layer)))

TOOLS := $(sort $(notdir $(patsubst %/,%,$(wildcard cmd/*/))))
TOOL_OBJ = $(patsubst %.c,$(B)/%.o,$(sort $(wildcard cmd/$(1)/*.c)))
# libatls for others: what lib/libatls.map lists, and of libraries LIB_PC and
# LIB_LIBS alone.
SONAME := libatls.so.0
SHARED := libatls.so.$(VERSION)

UNIT := $(sort $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c)))
FUZZ := $(sort $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c)))

.PHONY: all
all: $(TOOLS:%=$(OUT)/%) $(OUT)/$(SHARED) $(B)/libatls.a

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/libatls.a: $(CORE_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

# A sanitizer's own symbols come with the program.
$(OUT)/$(SHARED): $(CORE_OBJ) lib/libatls.map
	@mkdir -p $(@D)
	$(CC) -shared $(ALL_LDFLAGS) $(if $(SAN),,-Wl,-z,defs) -Wl,-soname,$(SONAME) \
		-Wl,--version-script,lib/libatls.map -o $@ $(CORE_OBJ) $(LIB_PC_LIBS)

$(B)/libedge.a: $(EDGE_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

define TOOL_RULE
$$(OUT)/$(1): $$(call TOOL_OBJ,$(1)) $$(B)/libedge.a $$(B)/libatls.a
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(PC_LIBS)
endef
$(foreach tool,$(TOOLS),$(eval $(call TOOL_RULE,$(tool))))

# ---- completions ----------------------------------------------------------------------------

OPTION_OBJ := $(TOOLS:%=$(B)/cmd/%/options.o)
$(B)/completions/generate: $(B)/completions/generate.o $(OPTION_OBJ) $(B)/libedge.a $(B)/libatls.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PC_LIBS)

.PHONY: completions
completions: $(B)/completions/generate ## write completions/ anew from the tools' option tables
	$< completions

# ---- tables ---------------------------------------------------------------------------------

# issuers.tsv stays the source, for people, with where each line comes from.
.PHONY: issuers
issuers: ## write lib/trust/issuers_builtin.c anew from issuers.tsv
	awk -f lib/trust/issuers.awk lib/trust/issuers.tsv | \
		clang-format --assume-filename=$@.c >lib/trust/issuers_builtin.c

# ---- tests ----------------------------------------------------------------------------------

# Libraries stand behind what needs them.
OBJECTS_FIRST = $(filter %.o,$^) $(filter-out %.o,$^)

WRAPPED := malloc calloc realloc free strdup strndup
$(B)/tests/unit/test_alloc: UNIT_LDFLAGS := $(WRAPPED:%=-Wl,--wrap=%)
$(B)/tests/unit/%: $(B)/tests/unit/%.o $(B)/libedge.a $(B)/libatls.a
	$(CC) $(ALL_LDFLAGS) $(UNIT_LDFLAGS) -o $@ $(OBJECTS_FIRST) $(PC_LIBS)

# Without libFuzzer a target replays the files that it is given.
FUZZ_MAIN := $(if $(filter fuzz,$(FLAVOUR)),,$(B)/tests/fuzz/replay.o)
FUZZ_LINK := $(if $(filter fuzz,$(FLAVOUR)),-fsanitize=fuzzer)
$(B)/tests/fuzz/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(FUZZ_MAIN) $(B)/libedge.a $(B)/libatls.a
	$(CC) $(ALL_LDFLAGS) $(FUZZ_LINK) -o $@ $(OBJECTS_FIRST) $(PC_LIBS)

# What tests and benchmarks talk to.
HELPERS := $(patsubst %.c,$(B)/%,$(wildcard tests/lib/*.c tests/bench/*.c))
$(HELPERS): $(B)/%: $(B)/%.o
	$(CC) $(ALL_LDFLAGS) -o $@ $(OBJECTS_FIRST) $(PC_LIBS)

# Those of atls-dump's input have its objects, all but main().
DUMP_OBJ := $(filter-out %/main.o,$(call TOOL_OBJ,atls-dump))
$(filter $(B)/tests/unit/test_input_% $(B)/tests/fuzz/fuzz_input_%, \
	$(UNIT:%=$(B)/tests/unit/%) $(FUZZ:%=$(B)/tests/fuzz/%)): $(DUMP_OBJ)
$(B)/tests/lib/pieces: $(DUMP_OBJ) $(B)/libedge.a $(B)/libatls.a

.PRECIOUS: $(B)/%.o
.PHONY: build-tests helpers
helpers: $(HELPERS)
build-tests: all $(HELPERS) $(B)/completions/generate $(UNIT:%=$(B)/tests/unit/%) $(FUZZ:%=$(B)/tests/fuzz/%)

.PHONY: demo test test-unit test-tools check-layers lint bench fuzz soak
demo: ## install what it needs, build, and carry a session through a real intercepting middlebox
	@tests/setup.sh demo
	@$(MAKE) --no-print-directory -s -j2 all helpers
	@tests/demo.sh

test: ## install what they need, build, and run all tests
	@tests/setup.sh test
	@tests/run.sh

bench: ## throughput and latency beside those of peers, as a table
	@tests/setup.sh bench
	@$(MAKE) --no-print-directory -s -j2 all helpers
	@tests/bench/bench.sh
	@python3 tests/bench/dump.py
	@tests/bench/probe.sh

fuzz: ## FUZZ_RUNS (one million) executions of each fuzz target; findings in .build/fuzz/findings
	@tests/setup.sh fuzz
	@$(MAKE) --no-print-directory -s -j2 FLAVOUR=fuzz build-tests
	@tests/fuzz.sh

soak: ## SOAK_SECONDS (600) at the session limit, 64 MiB each way through long faults, 4 GiB read
	@tests/setup.sh soak
	@$(MAKE) --no-print-directory -s -j2 all helpers
	@tests/soak.sh
	@python3 tests/soak_dump.py
	@STREAM_MIB=64 STREAM_SILENCE=30 STREAM_TIMEOUT=600 \
		bats -f 'of silence|another address|killed and started' tests/stream.bats

test-unit: build-tests ## unit tests and fuzz seeds of this FLAVOUR, without any set-up
	@FLAVOUR=$(FLAVOUR) tests/run-unit.sh

check-layers: all ## arrows between the layers go down only
	@tests/check-layers.sh $(B)

lint: ## formatter, static analysers, shell and manual page linters
	@tests/lint.sh

# ---- install --------------------------------------------------------------------------------

USER_TOOLS := $(filter-out atls-serve,$(TOOLS))
DAEMONS := $(filter atls-serve,$(TOOLS))
MAN_PAGES := $(sort $(wildcard man/*.[1-8]))
SCHEMAS := $(notdir $(sort $(wildcard man/*.schema.json)))
BASH_COMPLETIONS := $(wildcard $(TOOLS:%=completions/%.bash))
ZSH_COMPLETIONS := $(wildcard $(TOOLS:%=completions/_%))
FISH_COMPLETIONS := $(wildcard $(TOOLS:%=completions/%.fish))

# Paths below PREFIX are written by it, so that pkg-config can move them.
BELOW_PREFIX = $(patsubst $(PREFIX)/%,$${prefix}/%,$(1))
WRITE_PC = sed 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(call BELOW_PREFIX,$(LIBDIR))|; \
	s|@INCLUDEDIR@|$(call BELOW_PREFIX,$(INCLUDEDIR))|; s|@VERSION@|$(VERSION)|' lib/atls.pc.in

.PHONY: install uninstall
install: all ## install below PREFIX (/usr/local), staged in DESTDIR
	$(INSTALL) -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(SBINDIR) $(DESTDIR)$(BASHDIR) \
		$(DESTDIR)$(ZSHDIR) $(DESTDIR)$(FISHDIR) \
		$(DESTDIR)$(INCLUDEDIR) $(DESTDIR)$(LIBDIR) $(DESTDIR)$(PCDIR) $(DESTDIR)$(DATADIR)
	$(if $(USER_TOOLS),$(INSTALL) -m 755 $(USER_TOOLS:%=$(OUT)/%) $(DESTDIR)$(BINDIR))
	$(if $(DAEMONS),$(INSTALL) -m 755 $(DAEMONS:%=$(OUT)/%) $(DESTDIR)$(SBINDIR))
	$(INSTALL) -m 644 lib/atls.h $(DESTDIR)$(INCLUDEDIR)
	$(INSTALL) -m 644 $(OUT)/$(SHARED) $(B)/libatls.a $(DESTDIR)$(LIBDIR)
	ln -sf $(SHARED) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libatls.so
	$(WRITE_PC) >$(DESTDIR)$(PCDIR)/atls.pc
	chmod 644 $(DESTDIR)$(PCDIR)/atls.pc
	for page in $(MAN_PAGES); do \
		$(INSTALL) -D -m 644 $$page $(DESTDIR)$(MANDIR)/man$${page##*.}/$${page#man/} || exit; done
	$(INSTALL) -m 644 $(SCHEMAS:%=man/%) $(DESTDIR)$(DATADIR)
	for file in $(BASH_COMPLETIONS); do name=$${file##*/}; \
		$(INSTALL) -m 644 $$file $(DESTDIR)$(BASHDIR)/$${name%.bash} || exit; done
	$(INSTALL) -m 644 $(ZSH_COMPLETIONS) $(DESTDIR)$(ZSHDIR)
	$(INSTALL) -m 644 $(FISH_COMPLETIONS) $(DESTDIR)$(FISHDIR)

uninstall: ## remove what install put there
	rm -f $(USER_TOOLS:%=$(DESTDIR)$(BINDIR)/%) $(DAEMONS:%=$(DESTDIR)$(SBINDIR)/%) \
		$(TOOLS:%=$(DESTDIR)$(BASHDIR)/%) $(TOOLS:%=$(DESTDIR)$(ZSHDIR)/_%) \
		$(TOOLS:%=$(DESTDIR)$(FISHDIR)/%.fish) $(DESTDIR)$(PCDIR)/atls.pc \
		$(SCHEMAS:%=$(DESTDIR)$(DATADIR)/%) \
		$(DESTDIR)$(INCLUDEDIR)/atls.h $(addprefix $(DESTDIR)$(LIBDIR)/, \
		libatls.a libatls.so $(SONAME) $(SHARED))
	for page in $(MAN_PAGES); do \
		rm -f $(DESTDIR)$(MANDIR)/man$${page##*.}/$${page#man/}; done

.PHONY: clean help
clean: ## remove everything built
	rm -rf .build $(TOOLS:%=bin/%) bin/libatls.so.*

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1: /p' Makefile | \
		while IFS=: read -r name what; do printf '  %-14s%s\n' "$$name" "$$what"; done

-include $(shell find $(B) -name '*.d' 2>/dev/null)
