#!/usr/bin/env bats
# The library as others get it: an installed copy, its interface, and the examples of atls(3) built
# with nothing but pkg-config and run against atls-serve.

bats_require_minimum_version 1.5.0

root=$BATS_TEST_DIRNAME/..
. "$root/tests/lib/common.bash"

# What would change the tools' ways, and is the caller's.
unset http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY SSLKEYLOGFILE

request=$'GET / HTTP/1.0\r\n\r\n'

setup_file() {
    use_dir "$BATS_FILE_TMPDIR"
    make_ca ca && make_ca other && make_ca front-ca
    make_cert ca service localhost
    make_cert front-ca front 127.0.0.1
    mkdir "$DIR/www"
    echo 'Hello from the application' >"$DIR/www/index.html"
    head -c 3000000 /dev/urandom >"$DIR/www/large"
    start_app "$DIR/www"
    start_tool 'HTTPS_PORT HTTP_PORT' service "$root/bin/atls-serve" -l 127.0.0.1:0 \
        -l http://127.0.0.1:0 --outer-cert "$CERTS/front.pem" --outer-key "$CERTS/front.key" \
        --cert "$CERTS/service.pem" --key "$CERTS/service.key" -b "127.0.0.1:$APP_PORT" --grace 0
    start_tool ECHO_APP_PORT echo python3 "$root/tests/lib/application.py"
    start_tool ECHO_PORT echo-service "$root/bin/atls-serve" -l http://127.0.0.1:0 \
        --cert "$CERTS/service.pem" --key "$CERTS/service.key" -b "127.0.0.1:$ECHO_APP_PORT" --grace 0
    (echo echo && cat "$DIR/www/large") >"$DIR/request"

    export PREFIX=$DIR/prefix
    (cd "$root" && env -u MAKEFLAGS -u MAKELEVEL make -s --no-print-directory install PREFIX="$PREFIX" 3>&-)
    # The same without the shared library: a linker then takes the other.
    cp -r "$PREFIX" "$DIR/static"
    rm "$DIR/static/lib"/libatls.so*
    sed -i "s|^prefix=.*|prefix=$DIR/static|" "$DIR/static/lib/pkgconfig/atls.pc"
}

teardown_file() { stop_all; }

teardown() {
    if [[ -e $DIR/pids/relay ]]; then stop relay; fi
}

setup() {
    cd "$root" || return
    lib=$PREFIX/lib/libatls.so.0
    url=http://127.0.0.1:$HTTP_PORT/.well-known/atls
    example=$DIR/example
    stream=$DIR/stream
    echo_url=http://127.0.0.1:$ECHO_PORT/.well-known/atls
}

# build PREFIX OUT PACKAGE...: tests/embed/OUT.c, from a directory where no file of the tree is near.
build() {
    local prefix=$1 out=$2 name flags
    name=${out##*/}
    name=${name%-static}
    shift 2
    read -ra flags < <(PKG_CONFIG_PATH=$prefix/lib/pkgconfig pkg-config --cflags --libs "$@" libcurl)
    cp "$root/tests/embed/$name.c" "$DIR/$name.c"
    (cd "$DIR" && "${CC:-cc}" -std=c17 -D_POSIX_C_SOURCE=200809L -O2 -Wall -Wextra -Wpedantic -Werror \
        -o "$out" "$name.c" "${flags[@]}")
}

built() { [[ -x ${1:-$example} ]] || build "$PREFIX" "${1:-$example}" atls; }

run_example() { LD_LIBRARY_PATH=$PREFIX/lib timeout 60 "$example" "$@"; }

# carry_stream URL [WRAPPER...]: the request to standard input, what comes back to $got, what it says
# of itself to $said.
carry_stream() {
    local url=$1
    shift
    got=$BATS_TEST_TMPDIR/got said=$BATS_TEST_TMPDIR/said
    built "$stream"
    LD_LIBRARY_PATH=$PREFIX/lib timeout 60 "$@" "$stream" "$url" "$CERTS/ca.pem" localhost \
        <"$DIR/request" >"$got" 2>"$said"
}

# Between the stream example and the service that echoes.
start_relay() { # FAULT...
    start_tool RELAY_PORT relay python3 "$root/tests/lib/fault_relay.py" --to "$ECHO_PORT" "$@"
    relay_url=http://127.0.0.1:$RELAY_PORT/.well-known/atls
}

# What the header declares, by the compiler's own account.
declared() {
    gcc -std=c17 -fsyntax-only -aux-info "$BATS_TEST_TMPDIR/prototypes" -x c "$1"
    grep -F "$1:" "$BATS_TEST_TMPDIR/prototypes" | grep -oE '\batls_[a-z0-9_]+ \(' | tr -d ' (' | sort
}

listed() { sed -nE 's/^\t([a-z0-9_]+);$/\1/p' lib/libatls.map; }

exported() { nm -D --defined-only --format=posix "$1" | sed -nE 's/^([a-z0-9_]+)(@.*)? T .*/\1/p' | sort; }

needed() { readelf -d "$1" | sed -nE 's/.*\(NEEDED\).*\[(.*)\]/\1/p'; }

# ---- the interface ------------------------------------------------------------------------------

@test "the shared library exports what the header declares and the list has, and nothing else" {
    declared "$PREFIX/include/atls.h" >"$BATS_TEST_TMPDIR/declared"
    (($(wc -l <"$BATS_TEST_TMPDIR/declared") > 20))
    diff -u "$BATS_TEST_TMPDIR/declared" <(listed)
    diff -u "$BATS_TEST_TMPDIR/declared" <(exported "$lib")
    # Nothing that is not a function: no data, and besides them the version's own name.
    run -0 nm -D --defined-only --format=posix "$lib"
    [[ $(grep -vE '^atls_[a-z0-9_]+@@ATLS_0 T ' <<<"$output") == 'ATLS_0 A '* ]]
}

@test "the header is the tree's" {
    cmp lib/atls.h "$PREFIX/include/atls.h"
}

@test "names of the static library begin with atls_, those of the header with ATLS_ or atls_" {
    run -0 nm --defined-only --extern-only --format=posix "$PREFIX/lib/libatls.a"
    run -1 grep -vE '^(atls_[a-z0-9_]+ |.*:$|$)' <<<"$output"
    run -0 grep -oE '^#define [A-Za-z_0-9]+' "$PREFIX/include/atls.h"
    run -1 grep -v '^#define ATLS_' <<<"$output"
}

@test "the shared library has its name, and its links" {
    run -0 readelf -d "$lib"
    [[ $output == *'soname: [libatls.so.0]'* ]]
    [[ $(readlink "$PREFIX/lib/libatls.so") == libatls.so.0 ]]
    [[ $(readlink "$PREFIX/lib/libatls.so.0") == libatls.so.$(pkg_config --modversion) ]]
}

@test "the shared library needs GnuTLS, nettle, wslay and libc alone, and does no I/O" {
    run -0 needed "$lib"
    run -1 grep -vE '^lib(gnutls|nettle|wslay|c)\.so\.[0-9]+$' <<<"$output"
    run -0 nm -D -u "$lib"
    [[ $output == *gnutls_handshake* ]]
    # wslay's events are messages over memory.
    run -1 grep -Ei 'curl|mhd|json|(^|[^y]_)event|evbuffer|socket|poll|epoll|getenv|printf$|fopen|pthread' <<<"$output"
    # Relocations are done before it runs, and then it is read-only.
    run -0 readelf -dlW "$lib"
    [[ $output == *GNU_RELRO* && $output == *'BIND_NOW'* && $output != *TEXTREL* ]]
}

pkg_config() { PKG_CONFIG_PATH=$PREFIX/lib/pkgconfig pkg-config "$@" atls; }

@test "pkg-config: version, place and libraries" {
    [[ $(pkg_config --modversion) == "$(sed -n 's/^VERSION := //p' Makefile)" ]]
    [[ " $(pkg_config --cflags) " == *" -I$PREFIX/include "* ]]
    [[ " $(pkg_config --libs) " == " -L$PREFIX/lib -latls -lgnutls "* ]]
    [[ " $(pkg_config --static --libs) " == " -L$PREFIX/lib -latls -lwslay -lgnutls "*' -lnettle '* ]]
    [[ " $(pkg_config --define-variable=prefix=/opt --cflags) " == *' -I/opt/include '* ]]
}

@test "pkg-config: directories of one's own, and no trace of DESTDIR" {
    local stage=$BATS_TEST_TMPDIR/stage
    env -u MAKEFLAGS -u MAKELEVEL make -s install DESTDIR="$stage" PREFIX=/usr LIBDIR=/usr/lib/a \
        INCLUDEDIR=/else/where PCDIR=/usr/share/pkgconfig 3>&-
    [[ -e $stage/usr/lib/a/libatls.a && -e $stage/else/where/atls.h ]]
    run -0 cat "$stage/usr/share/pkgconfig/atls.pc"
    # shellcheck disable=SC2016  # pkg-config's variable
    [[ $output == 'prefix=/usr'* && $output == *'libdir=${prefix}/lib/a'* ]]
    [[ $output == *'includedir=/else/where'* && $output != *@* && $output != *"$stage"* ]]
}

@test "the header stands alone, in C and in C++" {
    local compiler flags=(-Wall -Wextra -Wpedantic -Werror -fsyntax-only "-I$PREFIX/include")
    cd "$BATS_TEST_TMPDIR"
    printf '#include <atls.h>\n#include <atls.h>\nint main(void) { return ATLS_OK; }\n' >one.c
    cp one.c one.cc
    for compiler in gcc clang; do
        "$compiler" -std=c17 -Wstrict-prototypes "${flags[@]}" one.c
        "$compiler" -std=c99 "${flags[@]}" one.c
    done
    clang++ -std=c++17 "${flags[@]}" one.cc
}

@test "a C++ program links with it" {
    cd "$BATS_TEST_TMPDIR"
    printf '%s\n' '#include <atls.h>' \
        'int main() { return atls_encoding_by_name("json") == ATLS_JSON ? 0 : 1; }' >two.cc
    # shellcheck disable=SC2046
    clang++ -std=c++17 -o two two.cc $(pkg_config --cflags --libs)
    LD_LIBRARY_PATH=$PREFIX/lib ./two
}

# ---- the manual page ----------------------------------------------------------------------------

@test "atls(3) has each function of the header, with its arguments, and no other" {
    local name
    declared "$PREFIX/include/atls.h" >"$BATS_TEST_TMPDIR/declared"
    sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESCRIPTION/p' man/atls.3 >"$BATS_TEST_TMPDIR/synopsis"
    diff -u "$BATS_TEST_TMPDIR/declared" \
        <(sed -nE 's/^\.F[no] (atls_[a-z0-9_]+).*/\1/p' "$BATS_TEST_TMPDIR/synopsis" | sort)
    # Each is spoken of below its prototype.
    while read -r name; do
        sed '1,/^\.Sh DESCRIPTION/d' man/atls.3 | grep -qE "^\.Fn $name( |\$)"
    done <"$BATS_TEST_TMPDIR/declared"
    # The same, as one reads it: the compiler takes the page's prototypes beside the header's.
    {
        echo '#include <atls.h>'
        mandoc -T ascii -O width=78 man/atls.3 | sed 's/.\x08//g' |
            sed -n '/^SYNOPSIS/,/^DESCRIPTION/p' | grep -E '^     ' | grep -vE '#include|\$\('
    } >"$BATS_TEST_TMPDIR/page.c"
    (($(grep -c ';' "$BATS_TEST_TMPDIR/page.c") == $(wc -l <"$BATS_TEST_TMPDIR/declared")))
    gcc -std=c17 -fsyntax-only -Wall -Werror "-I$PREFIX/include" "$BATS_TEST_TMPDIR/page.c"
}

@test "atls(3) has each public constant that a caller meets" {
    local name
    while read -r name; do
        grep -q "Dv $name\\>" man/atls.3
    done < <(grep -oE '^	ATLS_(E_[A-Z]+|HAVE_OUTPUT|WANT_INPUT|HAVE_DATA|CAN_WRITE|ESTABLISHED|PEER_CLOSED|FAILED|(BASE|STREAM)_[A-Z]+)\>' \
        lib/atls.h)
}

# functions FIRST COUNT: so many from the one on whose comment begins with FIRST.
functions() {
    awk -v first="/* $1" -v count="$2" 'index($0, first) == 1 { on = 1 } on; on && /^}$/ && ++n == count { exit }'
}

@test "atls(3) shows the examples as they are built here" {
    mandoc -T ascii -O width=120 man/atls.3 | sed 's/.\x08//g; s/^     //' >"$BATS_TEST_TMPDIR/page"
    expand tests/embed/example.c | functions 'One session' 1 >"$BATS_TEST_TMPDIR/source"
    (($(wc -l <"$BATS_TEST_TMPDIR/source") > 20))
    diff -u "$BATS_TEST_TMPDIR/source" <(functions 'One session: request' 1 <"$BATS_TEST_TMPDIR/page")
    expand tests/embed/stream.c | functions 'Tells what became' 2 >"$BATS_TEST_TMPDIR/source"
    (($(wc -l <"$BATS_TEST_TMPDIR/source") > 40))
    diff -u "$BATS_TEST_TMPDIR/source" <(functions 'Tells what became' 2 <"$BATS_TEST_TMPDIR/page")
}

# ---- the example --------------------------------------------------------------------------------

@test "the examples include nothing of this project but the header" {
    local name
    for name in example stream; do
        run -0 grep -hE '^#include' "tests/embed/$name.c"
        run -1 grep '"' <<<"$output"
        grep -qxF '#include <atls.h>' "tests/embed/$name.c"
        (($(sed -n '/^static int talk/,/^}/p' "tests/embed/$name.c" | wc -l) <= 40))
    done
}

@test "the example builds by pkg-config alone, and carries a session" {
    build "$PREFIX" "$example" atls
    [[ $(needed "$example") == *libatls.so.0* ]]
    run -0 --separate-stderr run_example "$url" "$CERTS/ca.pem" localhost "$request"
    [[ $output == 'HTTP/1.'*' 200 '*'Hello from the application' && -z $stderr ]]
    wait_log service 'closed by both sides'
}

# With a shared GnuTLS: --static would name all that a static one needs, which Debian does not have.
@test "the example links with the static library, and needs no shared copy then" {
    [[ $(pkg_config --print-requires-private) == nettle ]]
    build "$DIR/static" "$DIR/example-static" atls nettle
    run -0 needed "$DIR/example-static"
    [[ $output != *atls* ]]
    run -0 --separate-stderr timeout 60 "$DIR/example-static" "$url" "$CERTS/ca.pem" localhost "$request"
    [[ $output == *'Hello from the application' && -z $stderr ]]
}

@test "the example gets a large answer whole" {
    built
    run_example "$url" "$CERTS/ca.pem" localhost $'GET /large HTTP/1.0\r\n\r\n' >"$BATS_TEST_TMPDIR/got"
    tail -c 3000000 "$BATS_TEST_TMPDIR/got" | cmp - "$DIR/www/large"
}

@test "the example does not mind the outer TLS, but the inner one" {
    built
    run -0 --separate-stderr run_example "https://127.0.0.1:$HTTPS_PORT/.well-known/atls" \
        "$CERTS/ca.pem" localhost "$request"
    [[ $output == *'Hello from the application' && -z $stderr ]]
    run -1 --separate-stderr run_example "https://127.0.0.1:$HTTPS_PORT/.well-known/atls" \
        "$CERTS/front-ca.pem" 127.0.0.1 "$request"
    [[ -z $output && $stderr == 'inner TLS: the service'\''s certificate is '* ]]
}

@test "the example refuses a wrong CA and a wrong name, and tells the service" {
    built
    run -1 --separate-stderr run_example "$url" "$CERTS/other.pem" localhost "$request"
    [[ -z $output && $stderr == "inner TLS: the service's certificate is not trusted: "* ]]
    wait_log service 'unknown_ca'
    run -1 --separate-stderr run_example "$url" "$CERTS/ca.pem" wrong.example "$request"
    [[ -z $output && $stderr == *"is for 'localhost', not for 'wrong.example'" ]]
    wait_log service 'bad_certificate'
}

@test "the example tells what is no ATLS service" {
    built
    run -1 --separate-stderr run_example "http://127.0.0.1:$APP_PORT/" "$CERTS/ca.pem" localhost "$request"
    [[ -z $output && $stderr == 'HTTP: '* ]]
    run -1 --separate-stderr run_example "http://127.0.0.1:$HTTP_PORT/nowhere" "$CERTS/ca.pem" localhost "$request"
    [[ -z $output && $stderr == 'HTTP: status 404'* ]]
    run -1 --separate-stderr run_example "http://127.0.0.1:$(free_port)/" "$CERTS/ca.pem" localhost "$request"
    [[ -z $output && $stderr == 'HTTP: status 0'* ]]
}

@test "the example leaks nothing, and touches no memory that is not its own" {
    built
    run -0 --separate-stderr env LD_LIBRARY_PATH="$PREFIX/lib" timeout 60 valgrind -q --error-exitcode=99 \
        --leak-check=full "$example" "$url" "$CERTS/ca.pem" localhost "$request"
    [[ $output == *'Hello from the application' && -z $stderr ]]
    run -1 --separate-stderr env LD_LIBRARY_PATH="$PREFIX/lib" timeout 60 valgrind -q --error-exitcode=99 \
        --leak-check=full "$example" "$url" "$CERTS/other.pem" localhost "$request"
}

# ---- the example in stream carriage -------------------------------------------------------------

@test "the stream example carries both ways at once" {
    build "$PREFIX" "$stream" atls
    [[ $(needed "$stream") == *libatls.so.0* ]]
    carry_stream "$echo_url"
    cmp "$got" "$DIR/www/large"
    [[ $(<"$said") =~ ^[0-9]+\ answers,\ 0\ requests\ lost$ ]]
    wait_log echo-service '3000005 bytes up, 3000000 down: closed by both sides'
}

@test "the stream example goes on where connections are cut, both ways at once" {
    local before
    before=$(grep -c 'open from' "$DIR/echo-service.log" || :)
    start_relay reset=80 restart=500 limit=30000
    carry_stream "$relay_url"
    cmp "$got" "$DIR/www/large"
    stop relay
    grep -E ', reset [1-9]' "$DIR/relay.log"
    [[ $(<"$said") =~ ^[0-9]+\ answers,\ [1-9][0-9]*\ requests\ lost$ ]]
    # It was one session all the time.
    (($(grep -c 'open from' "$DIR/echo-service.log") == before + 1))
}

@test "the stream example goes on where headers are stripped, in json, and bodies have to be small" {
    start_relay strip=4 limit=50000
    carry_stream "$relay_url"
    cmp "$got" "$DIR/www/large"
    stop relay
    grep -E ', limit [0-9]+' "$DIR/relay.log"
}

@test "the stream example says if the service knows no stream carriage" {
    start_relay strip-down=0
    local rc=0
    carry_stream "$relay_url" || rc=$?
    ((rc == 1))
    [[ ! -s $got && $(tail -n 1 "$said") == 'protocol: the first answer has no ATLS-Stream: '* ]]
}

@test "the stream example refuses a wrong CA, and tells the service" {
    built "$stream"
    run -1 --separate-stderr env LD_LIBRARY_PATH="$PREFIX/lib" timeout 60 "$stream" "$echo_url" \
        "$CERTS/other.pem" localhost <"$DIR/request"
    [[ -z $output && $stderr == *$'\n'"inner TLS: the service's certificate is not trusted: "* ]]
    wait_log echo-service 'unknown_ca'
}

@test "the stream example leaks nothing where connections are cut" {
    start_relay reset=80 limit=30000
    carry_stream "$relay_url" valgrind -q --error-exitcode=99 --leak-check=full
    cmp "$got" "$DIR/www/large"
    [[ $(<"$said") =~ ^[0-9]+\ answers,\ [1-9][0-9]*\ requests\ lost$ ]]
}
