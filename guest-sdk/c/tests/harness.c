/* What an author in C may rely on: text, numbers, JSON, and turns that leave all of their effects or none. */
#include <limits.h>
#include <string.h>

#include "hydra_test.h"

static unsigned woken;

void hydra_activated(void) {
    woken++;
}

bool hydra_migrate(uint32_t from_version, hydra_bytes state, hydra_bytes *migrated, hydra_bytes *reason) {
    *reason = hydra_text("from the future");
    *migrated = hydra_join(hydra_text("new "), state);
    return from_version == 1;
}

/* Does what the subject says. */
hydra_outcome hydra_handle(const hydra_message *msg) {
    hydra_bytes name;
    hydra_log(HYDRA_INFO, msg->subject);
    if (hydra_after(msg->subject, "timer:", &name)) {
        return hydra_reply(hydra_join(name, hydra_text(" "), msg->body, hydra_text(" "), hydra_integer((int64_t)hydra_missed(msg))));
    }
    if (hydra_is(msg->subject, "random")) return hydra_reply(hydra_random(9));
    if (hydra_is(msg->subject, "attempt")) {
        hydra_set_state(msg->id);
        return hydra_reply(hydra_join(msg->id, hydra_text(" "), hydra_integer(msg->attempt)));
    }
    if (msg->answer != NULL) return hydra_reply(hydra_integer(hydra_http_status(msg)));
    if (hydra_is(msg->subject, "call")) {
        const hydra_header own = {hydra_text("x-a"), hydra_text("b")};
        hydra_http(&(hydra_call){
            .endpoint = "payments", .method = "post", .path = "/v1", .body = msg->body, .headers = &own, .header_count = 1});
        return hydra_done();
    }
    hydra_set_state(msg->body);
    hydra_send(hydra_self(), "to-itself", msg->body);
    if (hydra_is(msg->subject, "fail")) return hydra_fail("broken", hydra_text("it is"));
    if (hydra_is(msg->subject, "timers")) {
        hydra_set_timer("b", (hydra_schedule){.when = HYDRA_AFTER, .ms = 2000}, hydra_text("two"));
        hydra_set_timer("a", (hydra_schedule){.when = HYDRA_AT, .ms = hydra_now_ms() + 1000}, hydra_text("one"));
        hydra_set_timer("c", (hydra_schedule){.when = HYDRA_EVERY, .ms = 3000, .skip_missed = true}, hydra_text("again"));
        hydra_set_timer("gone", (hydra_schedule){.when = HYDRA_AFTER, .ms = 1000}, hydra_text(""));
        hydra_cancel_timer("gone");
    }
    return hydra_done();
}

static void numbers_are_exact(void) {
    int64_t number;
    HYDRA_CHECK(hydra_is(hydra_integer(INT64_MIN), "-9223372036854775808"));
    HYDRA_CHECK(hydra_parse_integer(hydra_integer(INT64_MIN), &number) && number == INT64_MIN);
    HYDRA_CHECK(hydra_parse_integer(hydra_integer(INT64_MAX), &number) && number == INT64_MAX);
    HYDRA_CHECK(hydra_parse_integer(hydra_text("-0"), &number) && number == 0);
    for (const char **bad = (const char *[]){"", "-", "9223372036854775808", "-9223372036854775809", "1x", "+1", " 1", NULL}; *bad; bad++) {
        HYDRA_CHECK(!hydra_parse_integer(hydra_text(*bad), &number));
    }
}

static void json_is_read_strictly(void) {
    hydra_bytes value, text;
    int64_t number;
    hydra_bytes object = hydra_text(" {\"a\\u0062\" : -7 , \"deep\":[{\"x\":[1,\"]\"]}], \"text\":\"\\u20ac\\ud83d\\ude00\\n\\\"\"} ");
    HYDRA_CHECK(hydra_json_field(object, "ab", &value) && hydra_json_integer(value, &number) && number == -7);
    HYDRA_CHECK(hydra_json_field(object, "deep", &value) && hydra_is(value, "[{\"x\":[1,\"]\"]}]"));
    HYDRA_CHECK(hydra_json_field(object, "text", &value) && hydra_json_string(value, &text));
    HYDRA_CHECK(hydra_is(text, "\xe2\x82\xac\xf0\x9f\x98\x80\n\""));
    HYDRA_CHECK(hydra_is(hydra_json_quote(text), "\"\xe2\x82\xac\xf0\x9f\x98\x80\\u000a\\\"\""));
    HYDRA_CHECK(!hydra_json_field(object, "none", &value));
    HYDRA_CHECK(!hydra_json_integer(hydra_text("007"), &number) && !hydra_json_integer(hydra_text("1.0"), &number));
    HYDRA_CHECK(hydra_json_integer(hydra_text(" 0\n"), &number) && number == 0);
    /* Every beginning of it is broken, and none is read past its end. */
    for (size_t len = 0; len + 2 < object.len; len++) {
        char *cut = malloc(len);
        memcpy(cut, object.at, len);
        HYDRA_CHECK(!hydra_json_field((hydra_bytes){cut, len}, "none", &value));
        free(cut);
    }
    for (const char **bad = (const char *[]){"\"\\ud83d\"", "\"\\x\"", "\"\\u12\"", "\"a", "a\"", "\"", "\"\\\"", NULL}; *bad; bad++) {
        HYDRA_CHECK(!hydra_json_string(hydra_text(*bad), &text));
    }
}

static void a_turn_leaves_everything_or_nothing(void) {
    hydra_bytes state;
    hydra_test *test = hydra_test_new("probe", "1");
    hydra_turn turn = hydra_test_send(test, "fail", "x");
    HYDRA_CHECK(hydra_test_failed(turn, HYDRA_FAILED, "broken") && turn.send_count == 0 && turn.line_count == 1);
    HYDRA_CHECK(!hydra_test_state(test, &state));
    turn = hydra_test_send(test, "ok", "x");
    HYDRA_CHECK(turn.send_count == 1 && hydra_is(turn.sends[0].to.id, "1") && turn.state_changed);
    HYDRA_CHECK(!hydra_test_send(test, "ok", "x").state_changed);
    HYDRA_CHECK(hydra_test_state(test, &state) && hydra_is(state, "x"));
}

static void a_lost_turn_comes_again(void) {
    hydra_bytes state;
    hydra_test *test = hydra_test_new("probe", "1");
    hydra_test_fail_next(test);
    HYDRA_CHECK(hydra_test_send(test, "attempt", "").lost && !hydra_test_state(test, &state));
    HYDRA_CHECK(hydra_test_replied(hydra_test_retry(test), "test:1 2"));
}

static void timers_fire_in_order_of_time(void) {
    hydra_test *test = hydra_test_new("probe", "1");
    hydra_test_send(test, "timers", "");
    HYDRA_CHECK(hydra_test_advance(test, 999) == 0);
    HYDRA_CHECK(hydra_test_advance(test, 1) == 1);
    HYDRA_CHECK(hydra_test_advance(test, 5000) == 3);
    HYDRA_CHECK(hydra_test_replied(hydra_test_fire(test, "c"), "c again 0"));
    hydra_test_set_now(test, 1700000018000);
    HYDRA_CHECK(hydra_test_replied(hydra_test_fire(test, "c"), "c again 2"));
}

static void it_wakes_after_creation_and_sleep(void) {
    hydra_test *test = hydra_test_new("probe", "1");
    woken = 0;
    hydra_test_send(test, "ok", "1");
    hydra_test_send(test, "ok", "2");
    hydra_test_sleep(test);
    hydra_test_send(test, "ok", "3");
    HYDRA_CHECK(woken == 2);
}

static void old_state_is_migrated_or_left(void) {
    hydra_bytes state;
    hydra_test *test = hydra_test_new("probe", "1");
    hydra_test_set_state(test, "old");
    HYDRA_CHECK(!hydra_test_migrate(test, 2) && hydra_test_state(test, &state) && hydra_is(state, "old"));
    HYDRA_CHECK(hydra_test_migrate(test, 1) && hydra_test_state(test, &state) && hydra_is(state, "new old"));
}

static void randomness_is_the_same_in_every_run(void) {
    char first[9];
    hydra_test *one = hydra_test_new("probe", "1"), *other = hydra_test_new("probe", "2");
    memcpy(first, hydra_test_send(one, "random", "").outcome.body.at, sizeof first);
    HYDRA_CHECK(memcmp(first, hydra_test_send(other, "random", "").outcome.body.at, sizeof first) == 0);
    HYDRA_CHECK(memcmp(first, hydra_test_send(one, "random", "").outcome.body.at, sizeof first) != 0);
}

static void a_call_is_a_request_to_the_hosts_connector(void) {
    hydra_turn turn = hydra_test_send(hydra_test_new("probe", "7"), "call", "5");
    const hydra_sent *sent = &turn.requests[0].sent;
    HYDRA_CHECK(turn.request_count == 1 && turn.requests[0].timeout_ms == 30000);
    HYDRA_CHECK(hydra_is(sent->to.kind, "sys-http") && hydra_is(sent->to.id, "payments/probe/7"));
    HYDRA_CHECK(hydra_is(sent->subject, "post") && hydra_is(sent->body, "5") && sent->header_count == 2);
    HYDRA_CHECK(hydra_is(sent->headers[0].name, "path") && hydra_is(sent->headers[0].value, "/v1"));
    HYDRA_CHECK(hydra_is(sent->headers[1].name, "x-a"));
    const hydra_header status = {hydra_text("status"), hydra_text("402")};
    const hydra_answer_info answer = {.token = turn.requests[0].token, .ending = HYDRA_ANSWER_REPLIED};
    hydra_message msg = {.subject = hydra_text("answer:"), .headers = &status, .header_count = 1, .answer = &answer};
    HYDRA_CHECK(hydra_test_replied(hydra_test_deliver(hydra_test_new("probe", "7"), msg), "402"));
    char id[253]; /* 251 bytes, the last letter of two */
    memset(id, 'a', sizeof id);
    memcpy(id + 236, "\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6", 8);
    id[252] = 0;
    turn = hydra_test_send(hydra_test_new("probe", id), "call", "");
    HYDRA_CHECK(turn.requests[0].sent.to.id.len <= 256);
}

int main(void) {
    numbers_are_exact();
    json_is_read_strictly();
    a_turn_leaves_everything_or_nothing();
    a_lost_turn_comes_again();
    timers_fire_in_order_of_time();
    a_call_is_a_request_to_the_hosts_connector();
    it_wakes_after_creation_and_sleep();
    old_state_is_migrated_or_left();
    randomness_is_the_same_in_every_run();
    puts("harness: passed");
}
