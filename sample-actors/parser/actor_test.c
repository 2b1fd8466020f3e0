/* The calculator, natively: sh ../../guest-sdk/c/test.sh actor.c actor_test.c */
#include <string.h>

#include "hydra_test.h"

static void it_computes(void) {
    hydra_test *test = hydra_test_new("parser", "1");
    const char *right[][2] = {
        {"1 + 2 * 3", "7"},        {"(1 + 2) * 3", "9"},  {"-2 - -3", "1"},  {"7 / 2", "3"},
        {"-7 % 2", "-1"},          {" 5 ", "5"},          {"8 - 3 - 2", "3"}, {"100 / 5 / 2", "10"},
        {"9223372036854775807", "9223372036854775807"},   {"-9223372036854775807 - 1", "-9223372036854775808"},
        {"(-9223372036854775807 - 1) % -1", "0"},
    };
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        HYDRA_CHECK(hydra_test_replied(hydra_test_send(test, "run", right[i][0]), right[i][1]));
    }
}

static void it_remembers_variables(void) {
    hydra_bytes state;
    hydra_test *test = hydra_test_new("parser", "1");
    HYDRA_CHECK(hydra_test_replied(hydra_test_send(test, "run", "tax = 19"), "19"));
    HYDRA_CHECK(hydra_test_replied(hydra_test_send(test, "run", "price_1 = 100 + tax"), "119"));
    HYDRA_CHECK(hydra_test_replied(hydra_test_send(test, "run", "tax = tax - 12"), "7"));
    HYDRA_CHECK(hydra_test_replied(hydra_test_send(test, "variables", ""), "tax 7\nprice_1 119\n"));
    HYDRA_CHECK(!hydra_test_send(test, "run", "tax * 2").state_changed);
    HYDRA_CHECK(hydra_test_state(test, &state) && hydra_is(state, "tax 7\nprice_1 119\n"));
}

static void mistakes_are_told_with_their_place(void) {
    hydra_test *test = hydra_test_new("parser", "1");
    const char *wrong[][2] = {
        {"", "at byte 0: a number, a name, - or ( belongs here"},
        {"1 +", "at byte 3: a number, a name, - or ( belongs here"},
        {"(1", "at byte 2: a ) is missing"},
        {"1 2", "at byte 2: the end belongs here"},
        {"x", "at byte 1: no such variable"},
        {"1 / 0", "at byte 5: division by zero"},
        {"9223372036854775808", "at byte 19: no number of 64 bits"},
        {"9223372036854775807 + 1", "at byte 23: the value does not fit 64 bits"},
        {"(-9223372036854775807 - 1) / -1", "at byte 31: the value does not fit 64 bits"},
        {"3x", "at byte 2: no number of 64 bits"},
        {"= 1", "at byte 0: a number, a name, - or ( belongs here"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        hydra_turn turn = hydra_test_send(test, "run", wrong[i][0]);
        HYDRA_CHECK(hydra_test_failed(turn, HYDRA_REFUSED, "does-not-parse") && hydra_is(turn.outcome.text, wrong[i][1]));
    }
}

static void whatever_comes_is_bounded(void) {
    char deep[4096], name[16], zero[] = {'1', '\0', '2'};
    hydra_test *test = hydra_test_new("parser", "1");
    memset(deep, '(', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    HYDRA_CHECK(hydra_test_failed(hydra_test_send(test, "run", deep), HYDRA_REFUSED, "does-not-parse"));
    memset(deep, '-', sizeof deep - 1);
    HYDRA_CHECK(hydra_test_failed(hydra_test_send(test, "run", deep), HYDRA_REFUSED, "does-not-parse"));
    hydra_message msg = {.subject = hydra_text("run"), .body = {zero, sizeof zero}};
    HYDRA_CHECK(hydra_test_failed(hydra_test_deliver(test, msg), HYDRA_REFUSED, "does-not-parse"));
    for (int i = 0; i < 256; i++) {
        snprintf(name, sizeof name, "v%d = %d", i, i);
        HYDRA_CHECK(hydra_test_send(test, "run", name).outcome.status == HYDRA_REPLIED);
    }
    HYDRA_CHECK(hydra_test_failed(hydra_test_send(test, "run", "more = 1"), HYDRA_REFUSED, "does-not-parse"));
    HYDRA_CHECK(hydra_test_replied(hydra_test_send(test, "run", "v255 = v255 + 1"), "256"));
}

static void state_of_another_shape_suspends(void) {
    for (const char **bad = (const char *[]){"x", "x 1", "x y\n", "x\n", " \n", NULL}; *bad; bad++) {
        hydra_test *test = hydra_test_new("parser", "1");
        hydra_test_set_state(test, *bad);
        HYDRA_CHECK(hydra_test_failed(hydra_test_send(test, "variables", ""), HYDRA_SUSPENDED, "state-does-not-decode"));
    }
}

int main(void) {
    it_computes();
    it_remembers_variables();
    mistakes_are_told_with_their_place();
    whatever_comes_is_bounded();
    state_of_another_shape_suspends();
    puts("parser: passed");
}
