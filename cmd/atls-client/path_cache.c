#include "path_cache.h"

#include "session_impl.h"

#include "cli/out.h"
#include "core/err.h"
#include "net/clock.h"
#include "net/dial.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define SCHEMA "atls-path-cache/1"
/* Boxes and services change: what was found counts for a day, used or not. */
#define LIFE_S (24 * 3600)
/* Of others' entries, the oldest go first. */
#define PATHS_MAX 256u

struct path_cache {
	const char *name;
	char *key;
	bool unusable; /* it was told */
};

/* ---- Which path ---- */

/* A proxy without its credentials; "" for none. */
static char *proxy_name(const struct settings *settings, bool secure)
{
	const char *proxy = settings->proxy ? settings->proxy : atls_way_environment(secure);
	char *text = NULL, *copy;
	CURLU *url = curl_url();
	if (proxy && *proxy && url &&
		curl_url_set(url, CURLUPART_URL, proxy,
			CURLU_DEFAULT_SCHEME | CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK) {
		(void)curl_url_set(url, CURLUPART_USER, NULL, 0);
		(void)curl_url_set(url, CURLUPART_PASSWORD, NULL, 0);
		(void)curl_url_get(url, CURLUPART_URL, &text, 0);
	}
	copy = strdup(text ? text : "");
	curl_free(text);
	curl_url_cleanup(url);
	return copy;
}

/* "https://HOST:PORT", or with " via PROXY" behind it. */
static char *path_key(const struct client *client)
{
	char *scheme = NULL, *host = NULL, *port = NULL, *key = NULL;
	CURLU *url = curl_url();
	char *proxy = proxy_name(&client->settings, client->https_port != 0);
	if (url && proxy &&
		curl_url_set(url, CURLUPART_URL, client->settings.url, CURLU_DEFAULT_SCHEME) ==
			CURLUE_OK &&
		curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
		curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
		asprintf(&key, "%s://%s:%s%s%s", scheme, host, port, *proxy ? " via " : "", proxy) <
			0)
		key = NULL;
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(url);
	free(proxy);
	return key;
}

/* ---- The file ---- */

static void complain(struct path_cache *cache, const struct client *client, const char *why)
{
	if (!cache->unusable)
		atls_log_event(&client->log, ATLS_LOG_ERROR,
			&(struct atls_log_about){.event = "warning"},
			"warning: --path-cache '%s' is not used: %s", cache->name, why);
	cache->unusable = true;
}

static json_t *new_object(void)
{
	return json_pack("{s:s, s:{}}", "schema", SCHEMA, "paths");
}

/* Its object; a new one if there is no file; null if it is no good, and told. */
static json_t *read_file(struct path_cache *cache, const struct client *client)
{
	json_error_t wrong;
	FILE *file = fopen(cache->name, "re");
	if (!file && errno == ENOENT)
		return new_object();
	if (!file) {
		complain(cache, client, strerror(errno));
		return NULL;
	}
	int first = fgetc(file);
	if (first == EOF && !ferror(file)) {
		fclose(file);
		return new_object();
	}
	ungetc(first, file);
	json_t *root = json_loadf(file, JSON_REJECT_DUPLICATES, &wrong);
	const char *schema = json_string_value(json_object_get(root, "schema"));
	fclose(file);
	if (schema && strcmp(schema, SCHEMA) == 0 && json_is_object(json_object_get(root, "paths")))
		return root;
	complain(cache, client, "it is no " SCHEMA " in JSON");
	json_decref(root);
	return NULL;
}

static bool is_alive(const json_t *entry, int64_t now)
{
	int64_t since = json_integer_value(json_object_get(entry, "since"));
	return since <= now && now - since < LIFE_S;
}

/* Numbers that nobody could have found count as none. */
static int64_t number(const json_t *entry, const char *name, int64_t min, int64_t max)
{
	int64_t value = json_integer_value(json_object_get(entry, name));
	return value >= min && value <= max ? value : 0;
}

static bool is_word(const json_t *entry, const char *name, const char *word)
{
	const char *text = json_string_value(json_object_get(entry, name));
	return text && strcmp(text, word) == 0;
}

static struct path_memory memory_read(const json_t *entry)
{
	if (!is_alive(entry, (int64_t)time(NULL)))
		return (struct path_memory){0};
	return (struct path_memory){
		.since = number(entry, "since", 0, INT64_MAX),
		.base = is_word(entry, "carriage", "base"),
		.json = is_word(entry, "encoding", "json"),
		.websocket_refused = is_word(entry, "websocket", "refused"),
		.body_max = (uint64_t)number(entry, "body_max", ATLS_BODY_MIN, ATLS_BODY_MAX),
		.poll_ms = number(entry, "poll_ms", ATLS_STREAM_POLL_MIN_MS, ATLS_STREAM_POLL_MS),
		.inflight =
			(unsigned)number(entry, "requests_at_once", 2, ATLS_STREAM_INFLIGHT_MAX),
	};
}

static json_t *memory_json(const struct path_memory *memory)
{
	json_t *entry = json_pack("{s:I, s:s}", "since", (json_int_t)memory->since, "carriage",
		memory->base ? "base" : "stream");
	if (memory->json)
		json_object_set_new(entry, "encoding", json_string("json"));
	if (memory->websocket_refused)
		json_object_set_new(entry, "websocket", json_string("refused"));
	if (memory->body_max)
		json_object_set_new(entry, "body_max", json_integer((json_int_t)memory->body_max));
	if (memory->poll_ms)
		json_object_set_new(entry, "poll_ms", json_integer(memory->poll_ms));
	if (memory->inflight)
		json_object_set_new(entry, "requests_at_once", json_integer(memory->inflight));
	return entry;
}

/* What is too old, and the oldest while there are too many. */
static void prune(json_t *paths)
{
	const char *key, *oldest;
	json_t *entry;
	void *next;
	int64_t now = (int64_t)time(NULL), since;
	json_object_foreach_safe(paths, next, key, entry) if (!is_alive(entry, now))
		json_object_del(paths, key);
	while (json_object_size(paths) > PATHS_MAX) {
		since = INT64_MAX;
		oldest = NULL;
		json_object_foreach(paths, key, entry)
		{
			int64_t its = json_integer_value(json_object_get(entry, "since"));
			if (its < since || !oldest) {
				since = its;
				oldest = key;
			}
		}
		json_object_del(paths, oldest);
	}
}

/* Held while the file is read and written anew, beside it since that one is replaced. */
static int lock(const struct path_cache *cache)
{
	char *name = NULL;
	if (asprintf(&name, "%s.lock", cache->name) < 0)
		return -1;
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	free(name);
	if (fd >= 0 && flock(fd, LOCK_EX)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* memory: null takes the path's entry out. */
static void replace(
	struct path_cache *cache, const struct client *client, const struct path_memory *memory)
{
	int fd = lock(cache), why = 0;
	if (fd < 0) {
		complain(cache, client, strerror(errno));
		return;
	}
	json_t *root = read_file(cache, client);
	json_t *paths = json_object_get(root, "paths");
	if (root && memory)
		json_object_set_new(paths, cache->key, memory_json(memory));
	else if (root)
		json_object_del(paths, cache->key);
	if (root) {
		prune(paths);
		why = atls_out_replace(cache->name, root, 0600);
	}
	if (why)
		complain(cache, client, strerror(why));
	json_decref(root);
	close(fd);
}

/* ---- What is kept ---- */

static void tell(const struct path_cache *cache, const struct client *client)
{
	const struct path_memory *memory = &client->memory;
	atls_log_event(&client->log, ATLS_LOG_VERBOSE,
		&(struct atls_log_about){.event = "path_cache"},
		"remembered of %s: %s carriage%s%s; bodies %llu, polls %lld ms, requests at once "
		"%u (0: as usual)",
		cache->key, memory->base ? "base" : "stream", memory->json ? ", encoding json" : "",
		memory->websocket_refused ? ", no WebSocket" : "",
		(unsigned long long)memory->body_max, (long long)memory->poll_ms, memory->inflight);
}

struct path_cache *path_cache_open(struct client *client, struct atls_error *err)
{
	struct path_cache *cache = calloc(1, sizeof *cache);
	if (cache)
		cache->key = path_key(client);
	if (!cache || !cache->key) {
		path_cache_free(cache);
		atls_error_set(err, ATLS_E_MEMORY, "out of memory for --path-cache");
		return NULL;
	}
	cache->name = client->settings.path_cache;
	json_t *root = read_file(cache, client);
	const json_t *entry = json_object_get(json_object_get(root, "paths"), cache->key);
	struct path_memory *memory = &client->memory;
	*memory = memory_read(entry);
	json_decref(root);
	if (memory->since == 0)
		return cache;
	client->base_only = memory->base && client->settings.carriage == CARRIAGE_AUTO;
	client->base_json = memory->json;
	if (memory->websocket_refused)
		client->ws_not_before = atls_now_ms() + LIFE_S * INT64_C(1000);
	tell(cache, client);
	return cache;
}

/* What a session found, beside what was known of things that it did not look at. */
static struct path_memory gather(const struct client *client, const struct session *session)
{
	struct path_memory found = client->memory;
	const struct settings *settings = &client->settings;
	if (settings->carriage == CARRIAGE_AUTO && !settings->raw)
		found.base = session->stream == NULL;
	if (settings->encoding < 0 && !settings->raw)
		found.json = session->course.codec->session_in_body;
	if (session->ws_since)
		found.websocket_refused = false;
	else if (client->ws_not_before > atls_now_ms())
		found.websocket_refused = true;
	if (!session->stream)
		return found;
	const struct atls_stream_facts facts = atls_stream_client_facts(session->stream);
	if (facts.body_max < settings->body_size)
		found.body_max = facts.body_max;
	if (facts.cut_ms)
		found.poll_ms = facts.poll_ms;
	if (facts.inflight != ATLS_STREAM_INFLIGHT)
		found.inflight = facts.inflight;
	return found;
}

/* How many requests at once were best is never quite the same. */
static bool is_same(const struct path_memory *a, const struct path_memory *b)
{
	return a->since && a->base == b->base && a->json == b->json &&
	       a->websocket_refused == b->websocket_refused && a->body_max == b->body_max &&
	       a->poll_ms == b->poll_ms && !a->inflight == !b->inflight;
}

void path_cache_note(struct path_cache *cache, struct client *client, const struct session *session)
{
	if (!cache || cache->unusable || session->reporting)
		return;
	if (!session->stood) {
		/* What was remembered may be the reason. */
		if (client->memory.since && session->outcome.code == ATLS_E_PROTOCOL) {
			client->memory = (struct path_memory){0};
			replace(cache, client, NULL);
		}
		return;
	}
	struct path_memory found = gather(client, session);
	if (is_same(&client->memory, &found))
		return;
	/* What is renewed all the time would never be looked at again. */
	int64_t now = (int64_t)time(NULL);
	if (now - found.since >= LIFE_S || found.since > now)
		found.since = now;
	client->memory = found;
	replace(cache, client, &found);
}

void path_cache_free(struct path_cache *cache)
{
	if (!cache)
		return;
	free(cache->key);
	free(cache);
}
