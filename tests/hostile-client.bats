#!/usr/bin/env bats
# atls-client behind a box that breaks one answer of a session, or all from one on, in each way that
# tests/lib/hostile_ways.py knows: how it ends or goes on, and what the user reads.
# shellcheck disable=SC2034  # what the helpers read

bats_require_minimum_version 1.5.0
load lib/common
load lib/atls
load lib/hostile

setup_file() { begin_hostile_file; }
setup() { begin_hostile_test; }
teardown() { end_test; }
teardown_file() { end_hostile_file; }

@test "nothing is wrong" { goes_on 1 none; }

# ---- status codes -----------------------------------------------------------------------------

# What protocol and tools say of a status: its exit code and its lines.
verdict_of() { # STATUS
    VERDICT=(3 "atls-client: HTTP: refused with status $1")
    case $1 in
    400 | 415) VERDICT=(5 "atls-client: HTTP: status $1: what answers there does not take bodies of type TYPE") ;;
    401) VERDICT+=('hint: whoever wants credentials can get them with --header') ;;
    404 | 405) VERDICT+=("hint: is the URL's path right? The drafts' own are /.well-known/atls and /atls") ;;
    407) VERDICT+=("hint: give the proxy's credentials with --proxy-user") ;;
    408 | 425 | 429) VERDICT=(3 "atls-client: HTTP: status $1, try again later") ;;
    411) VERDICT=(3 'atls-client: HTTP: status 411: the length was lost on the way') ;;
    413) VERDICT=(3 'atls-client: HTTP: status 413: even small bodies are refused') ;;
    422) VERDICT=(5 'atls-client: protocol: status 422: the service does not know this session (any more)') ;;
    511) VERDICT=(3 'atls-client: HTTP: status 511' 'hint: the network wants a log-in first: open a page in a browser') ;;
    301 | 302 | 303 | 305 | 306 | 307 | 308) VERDICT+=('hint: redirects are not followed; give the URL that it leads to') ;;
    2??) VERDICT=(5 "atls-client: protocol: status $1 instead of 200") ;;
    5??) VERDICT=(3 "atls-client: HTTP: status $1") ;;
    [6-9]??) VERDICT=(5 "atls-client: HTTP: status $1 is none that HTTP has") ;;
    esac
}

# The rest of all the numbers is tests/unit/test_answer.c's.
KNOWN=(204 304 307 400 401 403 404 407 408 411 413 415 418 422 425 429 500 503 511 599 999)

each_status() { # WHEN STATUS...
    local code
    for code in "${@:2}"; do
        verdict_of "$code"
        ends "${VERDICT[0]}" "$1" "status,$code" "${VERDICT[@]:1}"
    done
}

@test "status codes of the first answer" { each_status 1 "${KNOWN[@]}"; }

@test "status codes in a session, from then on" {
    RESUME=0.01
    each_status 3+ "${KNOWN[@]}"
}

@test "in a session, once: what is lost comes again, and all arrives" {
    local code
    for code in 408 413 422 425 429 500 502 503 504 511; do goes_on 3 "status,$code"; done
}

@test "in a session, once: what is a refusal ends it" {
    each_status 3 204 302 400 401 403 407 411 415 418 999
}

CONFLICT='atls-client: protocol: status 409: the service wants another carriage for this session'

@test "409: a new session, once, as long as nothing would be said twice" {
    ENCODINGS=(atls json)
    goes_on 1 status,409
    goes_on 2 status,409
    ends 5 1+ status,409 "$CONFLICT"
    ends 5 4 status,409 "$CONFLICT" 'hint: the service took data already, which a new session would say again'
}

@test "a redirect is not followed, and its body goes nowhere" {
    each_status 1 301 307
    [[ $(grep -c "^$BATS_TEST_NUMBER\." "$BATS_FILE_TMPDIR/box.log") == 2 ]]
    run -1 grep elsewhere "$BATS_FILE_TMPDIR/box.log"
}

@test "Retry-After: no number, none that is sane, and none beyond --resume-timeout" {
    local value
    INPUT=$SMALL
    for value in -1 x 99999999999999999999 86400 'Wed,_21_Oct_2100_07:28:00_GMT'; do
        goes_on 2 "status,503/Retry-After:_$value"
    done
    ends 3 2+ status,503/Retry-After:_86400 'atls-client: HTTP: status 503'
}

@test "--encoding auto: 400, 403, 404, 405, 409, 415, 422 lead to json" {
    local code
    ENCODINGS=(auto)
    for code in 400 403 404 405 409 415 422; do goes_on 1 "status,$code"; done
}

# ---- what is no answer of a service -----------------------------------------------------------

no_service() { # TYPE
    printf '%s' "atls-client: protocol: what answers there is no ATLS service: status 200 with content type '$1' instead of 'TYPE'"
}

@test "a captive portal" { ends_always 5 portal "$(no_service 'text/html; charset=utf-8')" "$PORTAL"; }

@test "other content types, and none; nothing of them reaches a terminal raw" {
    local type
    for type in text/html application/json application/octet-stream application/atlsx; do
        ends_always 5 "header,Content-Type:$type" "$(no_service "$type")" "$PORTAL"
    done
    ends_always 5 header,Content-Type: "$(no_service '')" "$PORTAL"
    ends 5 1 'header,Content-Type:%1b]0;x%07%9b31m' "$(no_service '\\x1b\]0;x\\x07\\x9b31m')" "$PORTAL"
    ENCODINGS=(atls)
    ends_always 5 header,Content-Type:application/atls+json "$(no_service application/atls+json)" "$PORTAL"
    ENCODINGS=(json)
    ends_always 5 header,Content-Type:application/atls+octet-stream \
        "$(no_service application/atls+octet-stream)" "$PORTAL"
    goes_on 3 header,Content-Type:application/atls # draft -00, section 7.2
}

@test "bare garbage, other protocols, and first lines that are none" {
    local line
    for line in 00 16030300020228 53 5353482d322e302d4f70656e5353480a; do ends_always 5 "garbage,$line" "$GARBLED"; done
    for line in '<html>' ICY_200_OK RTSP/1.0_200_OK HTTP/9.9_200_OK HTTP/1.1_2000_OK HTTP/1.1_20_OK HTTP/1.1_abc_OK; do
        ends_always 5 "first-line,$line" "$GARBLED"
    done
    goes_on 3 first-line,HTTP/1.1_200
}

# ---- sessions ---------------------------------------------------------------------------------

@test "no session in the first answer" {
    ENCODINGS=(json)
    ends 5 1 session "atls-client: protocol: the first answer names no session: it has no member 'session'"
    ENCODINGS=(atls)
    ends 5 1 session 'atls-client: protocol: the first answer names no session: it has no cookie'
    ENCODINGS=(auto)
    goes_on 1 session
}

@test "the cookie, or the session, is changed or taken away in a session: the first one counts" {
    ENCODINGS=(atls json)
    goes_on 2+ session,other
    goes_on 2+ session
    ENCODINGS=(atls)
    goes_on 2+ 'more-header,Set-Cookie:_atls=;_Max-Age=0'
    goes_on 2+ more-header,Set-Cookie:_other=1
}

@test "cookies of others beside it, and one of an interim answer or a trailer, which does not count" {
    goes_on 1 more-header,Set-Cookie:_lb=node1
    goes_on 1 interim,1/103/Set-Cookie:_atls=other
    goes_on 1 chunked,Set-Cookie:_atls=other/Content-Type:_text%2fhtml/Content-Encoding:_gzip
}

@test "bodies that are altered, emptied or cut without a trace: TLS tells" {
    ENCODINGS=(atls json)
    ends 4 3+ empty "$ALTERED"
    ends 4 3+ flip,5 "$ALTERED"
    ends 4 3+ flip,-1 "$ALTERED"
    ENCODINGS=(atls)
    ends 4 3 body,00112233 "$ALTERED"
    ends 3 1 empty "$NEVER_STOOD"
    ENCODINGS=(json)
    ends 5 3 body, "atls-client: protocol: JSON body: expected '{' at byte 0, where it ends"
    ends 5 3 body,7b "atls-client: protocol: JSON body: expected a string at byte 1, where it ends"
    ends 5 1 body,7b7d "atls-client: protocol: the first answer names no session: it has no member 'session'"
}

# HTTP is content with these answers, TLS is not. (One byte is right by chance sometimes.)
@test "answers with their last bytes missing: never exit code 0" {
    local size
    for size in 8 15 23; do
        INPUT=$SMALL ends 4 2+ "shorten,$size" "$ALTERED"
        ends 4 3+ "shorten,$size" "$ALTERED"
    done
}
