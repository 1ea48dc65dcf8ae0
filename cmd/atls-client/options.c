#include "options.h"

#include "options_id.h"

#include <stdio.h>

static const struct atls_opt options[] = {
	{OPT_FORWARD, 'L', "forward", "[ADDR:]PORT|unix:PATH", ATLS_OPT_HOST, NULL,
		"listen there and forward each connection in a session of its own", true},
	{OPT_PORT_FILE, 0, "port-file", "FILE", ATLS_OPT_FILE, NULL,
		"write the ports of -L to FILE, a line each, once they listen", false},
	{OPT_CHECK, 0, "check", NULL, ATLS_OPT_NONE, NULL,
		"make the handshake, say what was found, and exit", false},
	{OPT_JSON, 0, "json", NULL, ATLS_OPT_NONE, NULL, "with --check: the result as JSON", false},
	{OPT_REPORT, 0, "report", "FILE", ATLS_OPT_FILE, NULL,
		"write an account of each session to FILE, a JSON object a line", false},
	{OPT_CAPTURE, 0, "capture", "DIR", ATLS_OPT_DIR, NULL,
		"write every HTTP body and WebSocket message, with an index, to DIR", false},
	{OPT_PATH_CACHE, 0, "path-cache", "FILE", ATLS_OPT_FILE, NULL,
		"remember in FILE what the way was found to be like, for the next run", false},
	{OPT_CACERT, 0, "cacert", "FILE", ATLS_OPT_FILE, NULL,
		"trust anchors of the service, PEM (default: the system's)", false},
	{OPT_CAPATH, 0, "capath", "DIR", ATLS_OPT_DIR, NULL,
		"trust anchors of the service, PEM files of a directory", false},
	{OPT_CERT, 0, "cert", "FILE", ATLS_OPT_FILE, NULL,
		"own certificate chain for the service, PEM", false},
	{OPT_KEY, 0, "key", "FILE", ATLS_OPT_FILE, NULL,
		"its private key, PEM (default: in the file of --cert)", false},
	{OPT_SERVERNAME, 0, "servername", "NAME", ATLS_OPT_HOST, NULL,
		"name to ask for and to expect (default: the URL's host)", false},
	{OPT_PINS, 0, "pinnedpubkey", "PINS", ATLS_OPT_TEXT, NULL,
		"expect one of these keys, too: sha256//BASE64[;...]", true},
	{OPT_INSECURE_INNER, 0, "insecure-inner", NULL, ATLS_OPT_NONE, NULL,
		"do NOT check who the service is (pins still count)", false},
	{OPT_TLS_MAX, 0, "tls-max", "VERSION", ATLS_OPT_CHOICE, "1.2|1.3",
		"highest TLS version of the inner session", false},
	{OPT_DIRECT, 0, "direct", "HOST:PORT|auto", ATLS_OPT_HOST, NULL,
		"use ordinary TLS with the service there if it can be had, else ATLS", false},
	{OPT_DIRECT_TIMEOUT, 0, "direct-timeout", "SECONDS", ATLS_OPT_TEXT, NULL,
		"time for that attempt (default: 5)", false},
	{OPT_OUTER_VERIFY, 0, "outer-verify", NULL, ATLS_OPT_NONE, NULL,
		"check the network-layer certificate, too", false},
	{OPT_OUTER_CACERT, 0, "outer-cacert", "FILE", ATLS_OPT_FILE, NULL,
		"trust anchors of the network layer, PEM (default: the system's)", false},
	{OPT_OUTER_PINS, 0, "outer-pinnedpubkey", "PINS", ATLS_OPT_TEXT, NULL,
		"expect one of these keys of the network layer", false},
	{OPT_REPORT_OUTER, 0, "report-outer", NULL, ATLS_OPT_NONE, NULL,
		"tell the service what the network layer showed, and compare its answer", false},
	{OPT_PROXY, 'x', "proxy", "URL", ATLS_OPT_HOST, NULL,
		"proxy to use: [http|https|socks5|...://]HOST[:PORT]", false},
	{OPT_PROXY_USER, 'U', "proxy-user", "USER:PASSWORD|@FILE", ATLS_OPT_TEXT, NULL,
		"credentials for the proxy, or the file that holds them", false},
	{OPT_PROXY_ANYAUTH, 0, "proxy-anyauth", NULL, ATLS_OPT_NONE, NULL,
		"ask the proxy which authentication it wants (default: Basic)", false},
	{OPT_HEADER, 'H', "header", "LINE|@FILE", ATLS_OPT_TEXT, NULL,
		"add a header to each request, or the lines of a file", true},
	{OPT_RESOLVE, 0, "resolve", "HOST:PORT:ADDR", ATLS_OPT_HOST, NULL, "use ADDR for HOST:PORT",
		true},
	{OPT_CONNECT_TO, 0, "connect-to", "H1:P1:H2:P2", ATLS_OPT_HOST, NULL,
		"connect to H2:P2 instead of H1:P1", true},
	{OPT_UNIX_SOCKET, 0, "unix-socket", "PATH", ATLS_OPT_FILE, NULL,
		"connect to this Unix socket instead of the URL's host", false},
	{OPT_INTERFACE, 0, "interface", "NAME", ATLS_OPT_TEXT, NULL,
		"network interface or local address to use", false},
	{OPT_IPV4, '4', "ipv4", NULL, ATLS_OPT_NONE, NULL, "use IPv4 only", false},
	{OPT_IPV6, '6', "ipv6", NULL, ATLS_OPT_NONE, NULL, "use IPv6 only", false},
	{OPT_CARRIAGE, 0, "carriage", "NAME", ATLS_OPT_CHOICE, "auto|ws|stream|base",
		"how bytes travel (default: auto, stream, then ws where it pays, or base)", false},
	{OPT_ENCODING, 0, "encoding", "NAME", ATLS_OPT_CHOICE, "auto|json|octet-stream|atls",
		"form of the HTTP bodies (default: auto, atls and then json)", false},
	{OPT_RAW, 0, "raw", "TYPE", ATLS_OPT_TEXT, NULL,
		"carry a stream that protects itself (ssh, ...) without the inner TLS", false},
	{OPT_BODY_SIZE, 0, "body-size", "SIZE", ATLS_OPT_TEXT, NULL,
		"most TLS bytes in one body, 1k to 1M (default: 256k)", false},
	{OPT_IDLE_POLL, 0, "idle-poll", "SECONDS", ATLS_OPT_TEXT, NULL,
		"longest pause between polls when idle (default: 1)", false},
	{OPT_CONNECT_TIMEOUT, 0, "connect-timeout", "SECONDS", ATLS_OPT_TEXT, NULL,
		"time until the inner session stands (default: 30)", false},
	{OPT_MAX_TIME, 'm', "max-time", "SECONDS", ATLS_OPT_TEXT, NULL,
		"time for everything (default: no limit)", false},
	{OPT_RESUME_TIMEOUT, 0, "resume-timeout", "SECONDS", ATLS_OPT_TEXT, NULL,
		"time to go on trying when the way is lost (default: 300)", false},
	{OPT_PROGRESS, 0, "progress-meter", NULL, ATLS_OPT_NONE, NULL,
		"tell of a long transfer on a terminal, between two pipes, too", false},
	{OPT_NO_PROGRESS, 0, "no-progress-meter", NULL, ATLS_OPT_NONE, NULL,
		"do not tell of a long transfer", false},
	{OPT_LOG_FORMAT, ATLS_LOG_FORMAT_OPTION},
	{OPT_QUIET, 'q', "quiet", NULL, ATLS_OPT_NONE, NULL, "say nothing but errors", false},
	{OPT_VERBOSE, 'v', "verbose", NULL, ATLS_OPT_NONE, NULL,
		"say more; twice: each HTTP exchange", true},
};

static const char *libraries(char *text, size_t cap)
{
	snprintf(text, cap, "libcurl %s", curl_version_info(CURLVERSION_NOW)->version);
	return text;
}

const struct atls_tool atls_client_tool = {
	.name = "atls-client",
	.synopsis = "[OPTION]... URL",
	.purpose =
		"Carry standard input and output, or local ports, to an ATLS service through any\n"
		"proxy or middlebox: TLS end to end, inside HTTP bodies.",
	.opts = options,
	.opt_count = sizeof options / sizeof options[0],
	.epilogue =
		"Examples:\n"
		"  atls-client --check https://service.example/\n"
		"  ssh -o ProxyCommand='atls-client https://service.example/' "
		"user@service.example\n"
		"  atls-client -L 8080 https://service.example/\n"
		"  ssh -o ProxyCommand='atls-client --raw ssh https://ssh.example/' "
		"user@ssh.example\n"
		"\n"
		"Exit codes: 0 done; 2 usage; 3 network or HTTP; 4 end-to-end TLS; 5 protocol;\n"
		"  6 this machine; 130, 143 ended by a signal.\n",
	.operands_min = 1,
	.operands_max = 1,
	.operand_kind = ATLS_OPT_HOST,
	.libraries = libraries,
};
