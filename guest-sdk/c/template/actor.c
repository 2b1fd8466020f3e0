/* A number that can be added to. Make it yours: hydra_handle is what it does, its state is bytes in your own format. */
#include "hydra.h"

/* The state: the number in decimal. */
static bool load(int64_t *value) {
    hydra_bytes state;
    *value = 0;
    return !hydra_state(&state) || hydra_parse_integer(state, value);
}

hydra_outcome hydra_handle(const hydra_message *msg) {
    int64_t value, number;
    if (!load(&value)) return hydra_suspend("state-does-not-decode", hydra_text("deploy a version that can read it"));
    if (hydra_is(msg->subject, "add")) {
        if (!hydra_json_integer(msg->body, &number) || __builtin_add_overflow(value, number, &value)) {
            return hydra_refuse("body-does-not-decode", hydra_text("add wants an integer of 64 bits"));
        }
        hydra_set_state(hydra_integer(value));
        hydra_log(HYDRA_INFO, hydra_join(hydra_self().id, hydra_text(" is now "), hydra_integer(value)));
        return hydra_reply_json(hydra_integer(value));
    }
    if (hydra_is(msg->subject, "get")) return hydra_reply_json(hydra_integer(value));
    return hydra_refuse("unknown-subject", hydra_join(msg->subject, hydra_text(": try add, get")));
}

hydra_bytes hydra_describe(void) {
    return hydra_text(HYDRA_ABOUT
        "\"about\":\"A number that can be added to.\",\"subjects\":["
        "{\"subject\":\"add\",\"about\":\"Adds a number, replies with the new value.\","
        "\"body\":{\"schema\":{\"type\":\"integer\"},\"example\":5},\"reply\":{\"schema\":{\"type\":\"integer\"},\"example\":12}},"
        "{\"subject\":\"get\",\"about\":\"Replies with the value.\",\"reply\":{\"schema\":{\"type\":\"integer\"},\"example\":12}}]}");
}
