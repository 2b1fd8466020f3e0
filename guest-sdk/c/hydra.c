/* What needs no host: the arena, text, JSON and outcomes. The same code in the sandbox and in a test.
 * Called by authors; `hydra_more` (sandbox.c, hydra_test.c) gives the arena its memory. Never frees.
 */
#include "hydra.h"

#include <string.h>

#include "internal.h"

/* ---- Arena: a turn's memory, taken from the front and given back all at once ---- */

static uintptr_t arena_at, arena_end;

void hydra_arena_reset(uintptr_t from) {
    arena_at = from;
}

static void *take(size_t size, size_t align) {
    uintptr_t at = (arena_at + align - 1) & ~(uintptr_t)(align - 1);
    if (at < arena_at || size > SIZE_MAX - at) __builtin_trap();
    if (at + size > arena_end) arena_end = hydra_more(&at, size);
    arena_at = at + size;
    return (void *)at;
}

void *hydra_take(size_t size) {
    return take(size, 16);
}

void *hydra_alloc(size_t size) {
    return memset(take(size, 16), 0, size);
}

/* ---- Text ---- */

hydra_bytes hydra_text(const char *text) {
    return (hydra_bytes){text, strlen(text)};
}

bool hydra_equal(hydra_bytes one, hydra_bytes other) {
    return one.len == other.len && (one.len == 0 || memcmp(one.at, other.at, one.len) == 0);
}

bool hydra_is(hydra_bytes bytes, const char *text) {
    return hydra_equal(bytes, hydra_text(text));
}

bool hydra_after(hydra_bytes bytes, const char *prefix, hydra_bytes *rest) {
    size_t len = strlen(prefix);
    if (bytes.len < len || memcmp(bytes.at, prefix, len) != 0) return false;
    *rest = (hydra_bytes){bytes.at + len, bytes.len - len};
    return true;
}

hydra_bytes hydra_join_all(const hydra_bytes *parts, size_t count) {
    size_t len = 0;
    for (size_t i = 0; i < count; i++) len += parts[i].len;
    char *at = take(len, 1);
    size_t end = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len) memcpy(at + end, parts[i].at, parts[i].len);
        end += parts[i].len;
    }
    return (hydra_bytes){at, len};
}

hydra_bytes hydra_integer(int64_t number) {
    char digits[20]; /* 2^63 has 19 */
    size_t at = sizeof digits;
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do digits[--at] = (char)('0' + rest % 10);
    while (rest /= 10);
    if (number < 0) digits[--at] = '-';
    return hydra_join((hydra_bytes){digits + at, sizeof digits - at});
}

bool hydra_parse_integer(hydra_bytes bytes, int64_t *number) {
    size_t i = 0;
    bool negative = bytes.len > 0 && bytes.at[0] == '-';
    uint64_t limit = (uint64_t)INT64_MAX + negative, value = 0;
    if (negative) i++;
    if (i == bytes.len) return false;
    for (; i < bytes.len; i++) {
        unsigned digit = (unsigned char)bytes.at[i] - (unsigned)'0';
        if (digit > 9 || value > (limit - digit) / 10) return false;
        value = value * 10 + digit;
    }
    *number = (int64_t)(negative ? 0 - value : value);
    return true;
}

/* ---- Outcomes ---- */

hydra_outcome hydra_done(void) {
    return (hydra_outcome){.status = HYDRA_DONE};
}

hydra_outcome hydra_reply_with(hydra_bytes body, const hydra_header *headers, size_t header_count) {
    return (hydra_outcome){.status = HYDRA_REPLIED, .body = body, .headers = headers, .header_count = header_count};
}

hydra_outcome hydra_reply(hydra_bytes body) {
    return hydra_reply_with(body, NULL, 0);
}

hydra_outcome hydra_reply_json(hydra_bytes json) {
    static const hydra_header type = {{"content-type", 12}, {"application/json", 16}};
    return hydra_reply_with(json, &type, 1);
}

hydra_outcome hydra_later(void) {
    return (hydra_outcome){.status = HYDRA_LATER};
}

static hydra_outcome fault(hydra_status status, const char *code, hydra_bytes text) {
    return (hydra_outcome){.status = status, .code = hydra_text(code), .text = text};
}

hydra_outcome hydra_refuse(const char *code, hydra_bytes text) {
    return fault(HYDRA_REFUSED, code, text);
}

hydra_outcome hydra_fail(const char *code, hydra_bytes text) {
    return fault(HYDRA_FAILED, code, text);
}

hydra_outcome hydra_retry(const char *code, hydra_bytes text) {
    return fault(HYDRA_RETRY, code, text);
}

hydra_outcome hydra_retry_after(uint64_t after_ms, const char *code, hydra_bytes text) {
    hydra_outcome outcome = fault(HYDRA_RETRY, code, text);
    outcome.has_after = true;
    outcome.after_ms = after_ms;
    return outcome;
}

hydra_outcome hydra_suspend(const char *code, hydra_bytes text) {
    return fault(HYDRA_SUSPENDED, code, text);
}

hydra_actor hydra_actor_of(const char *kind, hydra_bytes id) {
    return (hydra_actor){hydra_text(kind), id};
}

void hydra_send(hydra_actor to, const char *subject, hydra_bytes body) {
    hydra_send_with(&(hydra_sent){.to = to, .subject = hydra_text(subject), .body = body});
}

/* Longest id of an actor, in bytes. */
static const size_t id_bytes_max = 256;

/* As much of a text as an id takes, no letter cut in two. Two actors with very long names may share a lane: that costs time. */
static hydra_bytes as_id(hydra_bytes text) {
    if (text.len <= id_bytes_max) return text;
    size_t len = id_bytes_max;
    while (len > 0 && ((unsigned char)text.at[len] & 0xc0) == 0x80) len--;
    return (hydra_bytes){text.at, len};
}

hydra_bytes hydra_http(const hydra_call *call) {
    hydra_actor self = hydra_self();
    hydra_bytes own = hydra_join(self.kind, hydra_text("/"), self.id);
    hydra_bytes id = hydra_join(hydra_text(call->endpoint), hydra_text("/"), call->lane.len > 0 ? call->lane : own);
    hydra_header *headers = hydra_alloc((call->header_count + 1) * sizeof *headers);
    headers[0] = (hydra_header){hydra_text("path"), hydra_text(call->path)};
    for (size_t i = 0; i < call->header_count; i++) headers[i + 1] = call->headers[i];
    hydra_sent sent = {
        .to = hydra_actor_of("sys-http", as_id(id)),
        .subject = hydra_text(call->method),
        .body = call->body,
        .headers = headers,
        .header_count = call->header_count + 1,
    };
    return hydra_request(&sent, call->timeout_ms > 0 ? call->timeout_ms : 30000, call->memo);
}

int hydra_http_status(const hydra_message *msg) {
    int64_t status = 0;
    if (msg->answer == NULL || msg->answer->ending != HYDRA_ANSWER_REPLIED) return 0;
    for (size_t i = 0; i < msg->header_count; i++) {
        if (hydra_is(msg->headers[i].name, "status")) hydra_parse_integer(msg->headers[i].value, &status);
    }
    return (int)status;
}

uint64_t hydra_missed(const hydra_message *msg) {
    int64_t missed = 0;
    for (size_t i = 0; i < msg->header_count; i++) {
        if (hydra_is(msg->headers[i].name, "hydra-missed")) hydra_parse_integer(msg->headers[i].value, &missed);
    }
    return (uint64_t)missed;
}

/* ---- What an author may leave out ---- */

__attribute__((weak)) void hydra_activated(void) {}

__attribute__((weak)) bool hydra_migrate(uint32_t from_version, hydra_bytes state, hydra_bytes *migrated, hydra_bytes *reason) {
    (void)from_version;
    (void)reason;
    *migrated = state;
    return true;
}

__attribute__((weak)) hydra_bytes hydra_describe(void) {
    return hydra_text(HYDRA_ABOUT "\"about\":\"\",\"subjects\":[]}");
}
