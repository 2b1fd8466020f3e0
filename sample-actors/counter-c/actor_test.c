/* The counter, natively: sh ../../guest-sdk/c/test.sh actor.c actor_test.c */
#include "hydra_test.h"

static void it_adds_and_keeps_the_sum(void) {
    hydra_bytes state;
    hydra_test *counter = hydra_test_new("counter", "alice");
    HYDRA_CHECK(hydra_test_replied(hydra_test_send(counter, "add", "5"), "5"));
    HYDRA_CHECK(hydra_test_replied(hydra_test_send(counter, "add", " -7 "), "-2"));
    HYDRA_CHECK(hydra_test_replied(hydra_test_send(counter, "get", ""), "-2"));
    HYDRA_CHECK(hydra_test_state(counter, &state) && hydra_is(state, "{\"value\":-2}"));
}

static void reading_a_new_counter_does_not_create_it(void) {
    hydra_bytes state;
    hydra_test *counter = hydra_test_new("counter", "alice");
    HYDRA_CHECK(hydra_test_replied(hydra_test_send(counter, "get", ""), "0"));
    HYDRA_CHECK(hydra_test_send(counter, "reset", "").outcome.status == HYDRA_DONE);
    HYDRA_CHECK(!hydra_test_state(counter, &state));
}

static void a_sum_that_does_not_fit_is_refused(void) {
    hydra_test *counter = hydra_test_new("counter", "alice");
    hydra_test_send(counter, "add", "9223372036854775807");
    HYDRA_CHECK(hydra_test_failed(hydra_test_send(counter, "add", "1"), HYDRA_REFUSED, "overflow"));
    HYDRA_CHECK(hydra_test_replied(hydra_test_send(counter, "get", ""), "9223372036854775807"));
}

static void reset_keeps_the_actor_and_delete_forgets_it(void) {
    hydra_bytes state;
    hydra_test *counter = hydra_test_new("counter", "alice");
    hydra_test_send(counter, "add", "5");
    HYDRA_CHECK(hydra_test_send(counter, "reset", "").outcome.status == HYDRA_DONE);
    HYDRA_CHECK(hydra_test_state(counter, &state) && hydra_is(state, "{\"value\":0}"));
    HYDRA_CHECK(hydra_test_send(counter, "delete", "").outcome.status == HYDRA_DONE);
    HYDRA_CHECK(!hydra_test_state(counter, &state));
}

static void what_it_does_not_understand_is_refused(void) {
    hydra_test *counter = hydra_test_new("counter", "alice");
    HYDRA_CHECK(hydra_test_failed(hydra_test_send(counter, "multiply", "2"), HYDRA_REFUSED, "unknown-subject"));
    for (const char **bad = (const char *[]){"five", "\"5\"", "", "null", "1.5", "9223372036854775808", NULL}; *bad; bad++) {
        HYDRA_CHECK(hydra_test_failed(hydra_test_send(counter, "add", *bad), HYDRA_REFUSED, "body-does-not-decode"));
    }
}

static void state_of_another_shape_suspends(void) {
    hydra_test *counter = hydra_test_new("counter", "alice");
    hydra_test_set_state(counter, "{\"amount\":7}");
    HYDRA_CHECK(hydra_test_failed(hydra_test_send(counter, "get", ""), HYDRA_SUSPENDED, "state-does-not-decode"));
}

int main(void) {
    it_adds_and_keeps_the_sum();
    reading_a_new_counter_does_not_create_it();
    a_sum_that_does_not_fit_is_refused();
    reset_keeps_the_actor_and_delete_forgets_it();
    what_it_does_not_understand_is_refused();
    state_of_another_shape_suspends();
    puts("counter-c: passed");
}
