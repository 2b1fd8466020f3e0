/* The actor, natively: sh hydra-sdk/test.sh actor.c actor_test.c */
#include "hydra_test.h"

static void it_adds_and_keeps_the_sum(void) {
    hydra_test *counter = hydra_test_new("{{name}}", "alice");
    HYDRA_CHECK(hydra_test_replied(hydra_test_send(counter, "add", "5"), "5"));
    HYDRA_CHECK(hydra_test_replied(hydra_test_send(counter, "add", "7"), "12"));
    HYDRA_CHECK(hydra_test_replied(hydra_test_send(counter, "get", ""), "12"));
}

static void a_refused_message_changes_nothing(void) {
    hydra_test *counter = hydra_test_new("{{name}}", "alice");
    hydra_test_send(counter, "add", "5");
    HYDRA_CHECK(hydra_test_failed(hydra_test_send(counter, "add", "five"), HYDRA_REFUSED, "body-does-not-decode"));
    HYDRA_CHECK(hydra_test_replied(hydra_test_send(counter, "get", ""), "5"));
}

int main(void) {
    it_adds_and_keeps_the_sum();
    a_refused_message_changes_nothing();
    puts("{{name}}: passed");
}
