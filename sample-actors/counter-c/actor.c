/* A number that can be added to: the same actor as in the folder counter, in C.
 * Teaches: state of one's own format (here the little JSON that others can read), replies, refusing, forgetting an actor.
 */
#include "hydra.h"

static hydra_outcome does_not_decode(const hydra_message *msg) {
    return hydra_refuse("body-does-not-decode", hydra_join(msg->subject, hydra_text(" wants an integer of 64 bits")));
}

/* What changes nothing writes nothing, so that it does not make an actor of a new one. */
static void store(int64_t before, int64_t value) {
    if (value != before) hydra_set_state(hydra_join(hydra_text("{\"value\":"), hydra_integer(value), hydra_text("}")));
}

hydra_outcome hydra_handle(const hydra_message *msg) {
    int64_t value = 0, number, sum;
    hydra_bytes state, field;
    if (hydra_state(&state) && !(hydra_json_field(state, "value", &field) && hydra_json_integer(field, &value))) {
        return hydra_suspend("state-does-not-decode", hydra_text("deploy a version that can read it, or migrate"));
    }
    if (hydra_is(msg->subject, "add")) {
        if (!hydra_json_integer(msg->body, &number)) return does_not_decode(msg);
        if (__builtin_add_overflow(value, number, &sum)) {
            hydra_bytes text = hydra_join(hydra_integer(value), hydra_text(" is the value, and the sum does not fit 64 bits"));
            return hydra_refuse("overflow", text);
        }
        store(value, sum);
        return hydra_reply_json(hydra_integer(sum));
    }
    if (hydra_is(msg->subject, "get")) return hydra_reply_json(hydra_integer(value));
    if (hydra_is(msg->subject, "reset")) {
        store(value, 0);
        return hydra_done();
    }
    if (hydra_is(msg->subject, "delete")) {
        hydra_delete();
        return hydra_done();
    }
    return hydra_refuse("unknown-subject", hydra_join(msg->subject, hydra_text(": try add, get, reset, delete")));
}

hydra_bytes hydra_describe(void) {
    return hydra_text(HYDRA_ABOUT
        "\"about\":\"A number that can be added to.\",\"subjects\":["
        "{\"subject\":\"add\",\"about\":\"Adds a number, replies with the new value.\","
        "\"body\":{\"schema\":{\"type\":\"integer\"},\"example\":5},\"reply\":{\"schema\":{\"type\":\"integer\"},\"example\":12}},"
        "{\"subject\":\"get\",\"about\":\"Replies with the value.\",\"reply\":{\"schema\":{\"type\":\"integer\"},\"example\":12}},"
        "{\"subject\":\"reset\",\"about\":\"Sets the value to 0.\"},"
        "{\"subject\":\"delete\",\"about\":\"Forgets this counter.\"}]}");
}
