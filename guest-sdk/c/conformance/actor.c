/* Does on demand all that an actor can do, as its siblings in other languages do; ../../conformance says what that is.
 * Deployed by tests only. */
#include "hydra.h"

/* The state is {"count":N}. */
static int64_t count(void) {
    hydra_bytes state, field;
    int64_t number = 0;
    if (hydra_state(&state) && hydra_json_field(state, "count", &field)) hydra_json_integer(field, &number);
    return number;
}

static void keep(int64_t number) {
    hydra_set_state(hydra_join(hydra_text("{\"count\":"), hydra_integer(number), hydra_text("}")));
}

static hydra_bytes named(hydra_actor actor) {
    return hydra_join(actor.kind, hydra_text("/"), actor.id);
}

static hydra_outcome large(const hydra_message *msg) {
    static const hydra_header plain = {{"content-type", 12}, {"text/plain", 10}};
    int64_t size;
    if (!hydra_json_integer(msg->body, &size) || size < 0) return hydra_refuse("body-does-not-decode", hydra_text("a number of bytes"));
    char *bytes = hydra_alloc((size_t)size);
    for (int64_t at = 0; at < size; at++) bytes[at] = 'x';
    return hydra_reply_with((hydra_bytes){bytes, (size_t)size}, &plain, 1);
}

static hydra_outcome about(const hydra_message *msg) {
    hydra_bytes greeting = hydra_text("");
    hydra_config("greeting", &greeting);
    hydra_bytes comma = hydra_text(",");
    return hydra_reply_json(hydra_join(hydra_text("["), hydra_json_quote(named(hydra_self())), comma,
                                       hydra_integer((int64_t)hydra_now_ms()), comma, hydra_integer(msg->attempt), comma,
                                       hydra_json_quote(greeting), hydra_text("]")));
}

/* KIND/ID; false: the text is none. */
static bool actor_in(hydra_bytes text, hydra_actor *actor) {
    size_t slash = 0;
    while (slash < text.len && text.at[slash] != '/') slash++;
    if (slash == text.len) return false;
    *actor = (hydra_actor){{text.at, slash}, {text.at + slash + 1, text.len - slash - 1}};
    return true;
}

static hydra_outcome send_to(const hydra_message *msg) {
    static const hydra_header order = {{"x-order", 7}, {"3", 1}};
    hydra_actor to;
    if (!actor_in(msg->body, &to)) return hydra_refuse("no-actor", hydra_text("the body is KIND/ID"));
    hydra_send(to, "count", hydra_text(""));
    hydra_send(to, "note", hydra_json_quote(hydra_text("grüße 🐉")));
    hydra_sent echo = {.to = to, .subject = hydra_text("echo"), .body = {"\0\xff\n", 3}};
    echo.headers = &order, echo.header_count = 1;
    hydra_send_with(&echo);
    return hydra_done();
}

static hydra_outcome tell(hydra_bytes told) {
    hydra_send(hydra_actor_of("conformance", hydra_text("log")), "told", told);
    return hydra_done();
}

static hydra_outcome tell_ending(const hydra_message *msg) {
    static const char *const endings[] = {"replied", "done", "refused", "failed", "timed-out"};
    hydra_bytes comma = hydra_text(","), ending = hydra_text(endings[msg->answer->ending]);
    hydra_bytes told = hydra_join(hydra_text("["), hydra_json_quote(ending), comma, hydra_json_quote(msg->answer->code), comma,
                                  hydra_json_quote(msg->body), hydra_text("]"));
    hydra_answer(msg->answer->memo, told);
    return tell(told);
}

static hydra_outcome set_timers(void) {
    hydra_schedule nightly = {.when = HYDRA_CRON, .cron = "0 3 * * *", .zone = "Europe/Berlin", .skip_missed = true};
    hydra_set_timer("once", (hydra_schedule){.when = HYDRA_AFTER, .ms = 2000}, hydra_text("\"tea\""));
    hydra_set_timer("tick", (hydra_schedule){.when = HYDRA_EVERY, .ms = 10000}, hydra_text("10"));
    hydra_set_timer("nightly", nightly, hydra_text("3"));
    hydra_set_timer("gone", (hydra_schedule){.when = HYDRA_AFTER, .ms = 1000}, hydra_text(""));
    hydra_cancel_timer("gone");
    return hydra_done();
}

/* Asks another actor on behalf of whoever asks this one; the memo is all that it keeps of it. */
static hydra_outcome relay(const hydra_message *msg) {
    if (!msg->reply_token.len) return hydra_refuse("nobody-waits", hydra_text("ask, do not send"));
    size_t space = msg->body.len;
    while (space > 0 && msg->body.at[space - 1] != ' ') space--;
    hydra_actor to;
    if (space == 0 || !actor_in((hydra_bytes){msg->body.at, space - 1}, &to)) {
        return hydra_refuse("no-actor", hydra_text("the body is KIND/ID SUBJECT"));
    }
    hydra_sent request = {.to = to, .subject = {msg->body.at + space, msg->body.len - space}};
    hydra_request(&request, 5000, msg->reply_token);
    return hydra_later();
}

static hydra_outcome fail_as_asked(const hydra_message *msg);

static hydra_outcome wait_as_asked(const hydra_message *msg) {
    hydra_bytes name, comma = hydra_text(",");
    if (hydra_after(msg->subject, "timer:", &name)) {
        return tell(hydra_join(hydra_text("["), hydra_json_quote(name), comma, hydra_json_quote(msg->body), comma,
                               hydra_integer((int64_t)hydra_missed(msg)), comma, hydra_integer((int64_t)hydra_now_ms()),
                               hydra_text("]")));
    }
    if (msg->answer) return tell_ending(msg);
    if (hydra_is(msg->subject, "timers")) return set_timers();
    if (hydra_is(msg->subject, "cancel")) return hydra_cancel_timer("tick"), hydra_done();
    if (hydra_is(msg->subject, "relay")) return relay(msg);
    if (hydra_is(msg->subject, "wait")) return hydra_later();
    if (hydra_is(msg->subject, "answer")) return hydra_answer(msg->body, hydra_text("1")), hydra_done();
    if (hydra_is(msg->subject, "told")) return hydra_done();
    return fail_as_asked(msg);
}

/* Never ends well, and leaves traces first. */
static hydra_outcome fail_as_asked(const hydra_message *msg) {
    int64_t before = count();
    hydra_bytes text = hydra_text("so be it: ü");
    keep(before + 1000);
    hydra_send(hydra_self(), "count", hydra_text(""));
    if (hydra_is(msg->subject, "refuse")) return hydra_refuse("as-told", text);
    if (hydra_is(msg->subject, "fail")) return hydra_fail("as-told", text);
    if (hydra_is(msg->subject, "suspend")) return hydra_suspend("as-told", text);
    if (hydra_is(msg->subject, "retry")) {
        if (msg->attempt <= 2) return hydra_retry_after(1, "not-yet", hydra_text("once more"));
        keep(before);
        return hydra_reply_json(hydra_integer(msg->attempt));
    }
    if (hydra_is(msg->subject, "trap")) __builtin_trap();
    if (hydra_is(msg->subject, "loop")) {
        for (volatile int turns = 0;; turns = !turns) continue;
    }
    if (hydra_is(msg->subject, "allocate")) {
        for (;;) *(volatile char *)hydra_alloc(1 << 16) = 1;
    }
    return hydra_refuse("unknown-subject", hydra_join(msg->subject, hydra_text(": see guest-sdk/conformance")));
}

hydra_outcome hydra_handle(const hydra_message *msg) {
    if (hydra_is(msg->subject, "count")) {
        keep(count() + 1);
        return hydra_reply_json(hydra_integer(count()));
    }
    if (hydra_is(msg->subject, "get")) return hydra_reply_json(hydra_integer(count()));
    if (hydra_is(msg->subject, "delete")) return hydra_delete(), hydra_done();
    if (hydra_is(msg->subject, "echo")) return hydra_reply_with(msg->body, msg->headers, msg->header_count);
    if (hydra_is(msg->subject, "large")) return large(msg);
    if (hydra_is(msg->subject, "about")) return about(msg);
    if (hydra_is(msg->subject, "sender")) {
        return hydra_reply_json(msg->sender ? hydra_json_quote(named(*msg->sender)) : hydra_text("null"));
    }
    if (hydra_is(msg->subject, "send")) return send_to(msg);
    if (hydra_is(msg->subject, "log")) return hydra_log(HYDRA_INFO, msg->body), hydra_done();
    return wait_as_asked(msg);
}

hydra_bytes hydra_describe(void) {
    return hydra_text(HYDRA_ABOUT "\"about\":\"Does on demand all that an actor can do.\",\"subjects\":[]}");
}
