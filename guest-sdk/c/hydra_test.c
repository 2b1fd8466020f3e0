/* The host in a native test: see hydra_test.h. Implements what sandbox.c takes from the real one. */
#include "hydra_test.h"

#include <string.h>

#include "internal.h"

/* Memory of one turn, and memory of all tests of a program. */
#define ARENA_BYTES ((size_t)64 << 20)
#define KEPT_BYTES ((size_t)256 << 20)

typedef struct {
    hydra_bytes name, body;
    hydra_when when;
    uint64_t due_ms, every_ms;
} timer;

typedef struct {
    hydra_bytes key, value;
} setting;

struct hydra_test {
    hydra_actor self;
    hydra_bytes state;
    bool stored, asleep, fail_next;
    uint64_t now_ms, messages;
    hydra_message last;
    timer timers[HYDRA_TEST_MAX];
    size_t timer_count;
    setting settings[HYDRA_TEST_MAX];
    size_t setting_count;
};

/* The turn under way; what it has done is the author's only if it ends well. */
static struct {
    hydra_test *test;
    hydra_bytes state;
    bool stored, changed;
    uint64_t draws;
    hydra_sent sends[HYDRA_TEST_MAX];
    hydra_test_request requests[HYDRA_TEST_MAX];
    hydra_test_answer answers[HYDRA_TEST_MAX];
    hydra_test_line lines[HYDRA_TEST_MAX];
    timer timers[HYDRA_TEST_MAX];
    hydra_bytes cancelled[HYDRA_TEST_MAX];
    size_t send_count, request_count, answer_count, line_count, timer_count, cancelled_count;
} turn;

static size_t next(size_t *count) {
    HYDRA_CHECK(*count < HYDRA_TEST_MAX);
    return (*count)++;
}

/* ---- Memory ---- */

static _Alignas(16) unsigned char arena[ARENA_BYTES];

uintptr_t hydra_more(uintptr_t *at, size_t size) {
    uintptr_t end = (uintptr_t)arena + sizeof arena;
    if (*at < (uintptr_t)arena) *at = (uintptr_t)arena;
    HYDRA_CHECK(size <= end - *at);
    return end;
}

/* Zeroed memory that outlives the turn; never given back, for a test ends soon. */
static void *keep(size_t size) {
    static _Alignas(16) unsigned char memory[KEPT_BYTES];
    static size_t used;
    void *at = memory + used;
    size_t whole = (size + 15) & ~(size_t)15;
    HYDRA_CHECK(whole >= size && whole <= sizeof memory - used);
    used += whole;
    return at;
}

static hydra_bytes kept(hydra_bytes bytes) {
    char *at = keep(bytes.len);
    if (bytes.len) memcpy(at, bytes.at, bytes.len);
    return (hydra_bytes){at, bytes.len};
}

/* A copy of this turn: an actor may go on using its bytes. */
static hydra_bytes copied(hydra_bytes bytes) {
    return hydra_join(bytes);
}

static hydra_sent copied_sent(const hydra_sent *sent) {
    hydra_header *headers = hydra_alloc(sent->header_count * sizeof *headers);
    for (size_t i = 0; i < sent->header_count; i++) {
        headers[i] = (hydra_header){copied(sent->headers[i].name), copied(sent->headers[i].value)};
    }
    hydra_actor to = {copied(sent->to.kind), copied(sent->to.id)};
    return (hydra_sent){to, copied(sent->subject), copied(sent->body), headers, sent->header_count, sent->priority};
}

/* ---- What a turn sees ---- */

bool hydra_state(hydra_bytes *state) {
    if (turn.stored) *state = turn.state;
    return turn.stored;
}

void hydra_set_state(hydra_bytes state) {
    if (turn.stored && hydra_equal(turn.state, state)) return;
    turn.state = copied(state);
    turn.stored = turn.changed = true;
}

void hydra_delete(void) {
    turn.state = (hydra_bytes){0};
    turn.stored = false;
    turn.changed = true;
}

hydra_actor hydra_self(void) {
    return turn.test->self;
}

uint64_t hydra_now_ms(void) {
    return turn.test->now_ms;
}

/* The draw-th number of a seed (splitmix64): equal in every run, different for every draw. */
static uint64_t scramble(uint64_t seed, uint64_t draw) {
    uint64_t mixed = seed + draw * 0x9E3779B97F4A7C15u;
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9u;
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EBu;
    return mixed ^ mixed >> 31;
}

hydra_bytes hydra_random(uint32_t len) {
    char *at = hydra_alloc(len);
    for (uint32_t i = 0; i < len; i++) {
        if (i % 8 == 0) turn.draws++;
        at[i] = (char)(scramble(turn.test->messages, turn.draws) >> i % 8 * 8);
    }
    return (hydra_bytes){at, len};
}

bool hydra_config(const char *key, hydra_bytes *value) {
    for (size_t i = 0; i < turn.test->setting_count; i++) {
        if (!hydra_is(turn.test->settings[i].key, key)) continue;
        *value = turn.test->settings[i].value;
        return true;
    }
    return false;
}

/* ---- What a turn does ---- */

void hydra_log(hydra_level level, hydra_bytes text) {
    turn.lines[next(&turn.line_count)] = (hydra_test_line){level, copied(text)};
}

void hydra_send_with(const hydra_sent *sent) {
    turn.sends[next(&turn.send_count)] = copied_sent(sent);
}

hydra_bytes hydra_request(const hydra_sent *sent, uint64_t timeout_ms, hydra_bytes memo) {
    int64_t number = (int64_t)(turn.test->messages * HYDRA_TEST_MAX + turn.request_count);
    hydra_bytes token = hydra_join(hydra_text("request:"), hydra_integer(number));
    turn.requests[next(&turn.request_count)] = (hydra_test_request){copied_sent(sent), token, copied(memo), timeout_ms};
    return token;
}

void hydra_answer(hydra_bytes reply_token, hydra_bytes body) {
    turn.answers[next(&turn.answer_count)] = (hydra_test_answer){copied(reply_token), copied(body)};
}

void hydra_set_timer(const char *name, hydra_schedule schedule, hydra_bytes body) {
    timer set = {.name = copied(hydra_text(name)), .body = copied(body), .when = schedule.when, .due_ms = schedule.ms};
    if (schedule.when != HYDRA_AT) set.due_ms += turn.test->now_ms;
    if (schedule.when == HYDRA_EVERY) set.every_ms = schedule.ms;
    turn.timers[next(&turn.timer_count)] = set;
}

void hydra_cancel_timer(const char *name) {
    turn.cancelled[next(&turn.cancelled_count)] = copied(hydra_text(name));
    size_t left = 0;
    for (size_t i = 0; i < turn.timer_count; i++) {
        if (!hydra_is(turn.timers[i].name, name)) turn.timers[left++] = turn.timers[i];
    }
    turn.timer_count = left;
}

/* ---- The test's side ---- */

hydra_test *hydra_test_new(const char *kind, const char *id) {
    hydra_test *test = keep(sizeof *test);
    test->self = hydra_actor_of(kind, hydra_text(id));
    test->now_ms = 1700000000000;
    return test;
}

static void forget_timer(hydra_test *test, hydra_bytes name) {
    size_t left = 0;
    for (size_t i = 0; i < test->timer_count; i++) {
        if (!hydra_equal(test->timers[i].name, name)) test->timers[left++] = test->timers[i];
    }
    test->timer_count = left;
}

static void apply(hydra_test *test) {
    if (turn.changed) {
        test->state = kept(turn.state);
        test->stored = turn.stored;
        if (!turn.stored) test->timer_count = 0;
    }
    for (size_t i = 0; i < turn.cancelled_count; i++) forget_timer(test, turn.cancelled[i]);
    for (size_t i = 0; i < turn.timer_count; i++) {
        timer set = turn.timers[i];
        forget_timer(test, set.name);
        set.name = kept(set.name), set.body = kept(set.body);
        test->timers[next(&test->timer_count)] = set;
    }
    test->asleep = false;
}

static bool is_good(hydra_status status) {
    return status == HYDRA_DONE || status == HYDRA_REPLIED || status == HYDRA_LATER;
}

/* The message outlives the turn, for hydra_test_retry. Sender, headers and answer are the test's own and stay its own. */
static hydra_message filled(hydra_test *test, hydra_message msg) {
    msg.subject = kept(msg.subject), msg.body = kept(msg.body), msg.id = kept(msg.id);
    if (!msg.id.len) msg.id = kept(hydra_join(hydra_text("test:"), hydra_integer((int64_t)test->messages)));
    if (!msg.accepted_at_ms) msg.accepted_at_ms = test->now_ms;
    if (!msg.attempt) msg.attempt = 1;
    return msg;
}

hydra_turn hydra_test_deliver(hydra_test *test, hydra_message msg) {
    test->messages++;
    test->last = filled(test, msg);
    memset(&turn, 0, sizeof turn);
    hydra_arena_reset((uintptr_t)arena);
    turn.test = test;
    turn.state = test->state;
    turn.stored = test->stored;
    if (test->asleep || !test->stored) hydra_activated();
    hydra_turn did = {.outcome = hydra_handle(&test->last), .lines = turn.lines, .line_count = turn.line_count};
    did.lost = test->fail_next;
    test->fail_next = false;
    if (did.lost || !is_good(did.outcome.status)) return did;
    apply(test);
    did.sends = turn.sends, did.send_count = turn.send_count;
    did.requests = turn.requests, did.request_count = turn.request_count;
    did.answers = turn.answers, did.answer_count = turn.answer_count;
    did.state_changed = turn.changed;
    return did;
}

hydra_turn hydra_test_send(hydra_test *test, const char *subject, const char *body) {
    return hydra_test_deliver(test, (hydra_message){.subject = hydra_text(subject), .body = hydra_text(body)});
}

hydra_turn hydra_test_retry(hydra_test *test) {
    hydra_message again = test->last;
    again.attempt++;
    return hydra_test_deliver(test, again);
}

bool hydra_test_replied(hydra_turn did, const char *text) {
    return did.outcome.status == HYDRA_REPLIED && hydra_is(did.outcome.body, text);
}

bool hydra_test_failed(hydra_turn did, hydra_status status, const char *code) {
    return did.outcome.status == status && hydra_is(did.outcome.code, code);
}

bool hydra_test_state(const hydra_test *test, hydra_bytes *state) {
    if (test->stored) *state = test->state;
    return test->stored;
}

void hydra_test_set_state(hydra_test *test, const char *state) {
    test->state = kept(hydra_text(state));
    test->stored = true;
}

bool hydra_test_migrate(hydra_test *test, uint32_t from_version) {
    hydra_bytes migrated, reason = {0};
    if (!test->stored) return true;
    if (!hydra_migrate(from_version, test->state, &migrated, &reason)) return false;
    test->state = kept(migrated);
    return true;
}

void hydra_test_config(hydra_test *test, const char *key, const char *value) {
    test->settings[next(&test->setting_count)] = (setting){hydra_text(key), hydra_text(value)};
}

void hydra_test_set_now(hydra_test *test, uint64_t now_ms) {
    test->now_ms = now_ms;
}

void hydra_test_sleep(hydra_test *test) {
    test->asleep = true;
}

void hydra_test_fail_next(hydra_test *test) {
    test->fail_next = true;
}

static hydra_turn fire(hydra_test *test, timer due) {
    uint64_t missed = 0;
    forget_timer(test, due.name);
    if (due.when == HYDRA_EVERY || due.when == HYDRA_CRON) {
        timer again = due;
        if (due.every_ms && test->now_ms > due.due_ms) missed = (test->now_ms - due.due_ms) / due.every_ms;
        again.due_ms += due.every_ms * (missed + 1);
        test->timers[next(&test->timer_count)] = again;
    }
    hydra_header *told = keep(sizeof *told);
    *told = (hydra_header){hydra_text("hydra-missed"), kept(hydra_integer((int64_t)missed))};
    hydra_bytes subject = kept(hydra_join(hydra_text("timer:"), due.name));
    return hydra_test_deliver(test, (hydra_message){.subject = subject, .headers = told, .header_count = 1, .body = due.body});
}

hydra_turn hydra_test_fire(hydra_test *test, const char *name) {
    size_t at = 0;
    while (at < test->timer_count && !hydra_is(test->timers[at].name, name)) at++;
    HYDRA_CHECK(at < test->timer_count && "this timer is set");
    return fire(test, test->timers[at]);
}

size_t hydra_test_advance(hydra_test *test, uint64_t ms) {
    uint64_t end = test->now_ms + ms;
    size_t turns = 0;
    for (;;) {
        const timer *first = NULL;
        for (size_t i = 0; i < test->timer_count; i++) {
            const timer *candidate = &test->timers[i];
            bool due = candidate->when != HYDRA_CRON && candidate->due_ms <= end;
            if (due && (!first || candidate->due_ms < first->due_ms)) first = candidate;
        }
        if (!first) break;
        HYDRA_CHECK(turns < 100000); /* a timer that sets itself anew at once would fire for ever */
        if (first->due_ms > test->now_ms) test->now_ms = first->due_ms;
        fire(test, *first);
        turns++;
    }
    test->now_ms = end;
    return turns;
}
