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

static hydra_outcome send_to(const hydra_message *msg) {
    static const hydra_header order = {{"x-order", 7}, {"3", 1}};
    size_t slash = 0;
    while (slash < msg->body.len && msg->body.at[slash] != '/') slash++;
    if (slash == msg->body.len) return hydra_refuse("no-actor", hydra_text("the body is KIND/ID"));
    hydra_actor to = {{msg->body.at, slash}, {msg->body.at + slash + 1, msg->body.len - slash - 1}};
    hydra_send(to, "count", hydra_text(""));
    hydra_send(to, "note", hydra_json_quote(hydra_text("grüße 🐉")));
    hydra_sent echo = {.to = to, .subject = hydra_text("echo"), .body = {"\0\xff\n", 3}};
    echo.headers = &order, echo.header_count = 1;
    hydra_send_with(&echo);
    return hydra_done();
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
    return fail_as_asked(msg);
}

hydra_bytes hydra_describe(void) {
    return hydra_text(HYDRA_ABOUT "\"about\":\"Does on demand all that an actor can do.\",\"subjects\":[]}");
}
