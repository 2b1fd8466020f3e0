/* Runs an actor natively, without sandbox and host: `cc` is enough (test.sh).
 *
 *     hydra_test *counter = hydra_test_new("counter", "alice");
 *     HYDRA_CHECK(hydra_test_replied(hydra_test_send(counter, "add", "5"), "5"));
 *
 * Effects are applied as the host does it: all of a turn's, or none. Time stands still until the test moves it; randomness
 * is the same in every run. Nothing is delivered by itself but timers in hydra_test_advance: what an actor sends is in the
 * turn, for the test to look at. Cron timers do not fire by themselves: use hydra_test_fire. A trap ends the test program.
 * Not checked here, because the host does it: grants and limits of actor.toml, the grammar of names and headers.
 */
#ifndef HYDRA_TEST_H
#define HYDRA_TEST_H

#include <stdio.h>
#include <stdlib.h>

#include "hydra.h"

/* Ends the test program, and says where, if this does not hold. */
#define HYDRA_CHECK(holds)                                                                                             \
    do {                                                                                                               \
        if (!(holds)) {                                                                                                \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #holds);                                  \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

/* Messages, requests, answers, timers or log lines of one turn; timers and settings of one actor. More end the program. */
#define HYDRA_TEST_MAX 1024

typedef struct {
    hydra_level level;
    hydra_bytes text;
} hydra_test_line;

typedef struct {
    hydra_sent sent;
    hydra_bytes token, memo;
    uint64_t timeout_ms;
} hydra_test_request;

typedef struct {
    hydra_bytes token, body;
} hydra_test_answer;

/* What one turn did; all but lines is empty when it failed. Stays until the next turn of any actor. */
typedef struct {
    hydra_outcome outcome;
    bool lost; /* hydra_test_fail_next took its effects */
    const hydra_sent *sends;
    size_t send_count;
    const hydra_test_request *requests;
    size_t request_count;
    const hydra_test_answer *answers;
    size_t answer_count;
    const hydra_test_line *lines;
    size_t line_count;
    bool state_changed;
} hydra_turn;

typedef struct hydra_test hydra_test;

/* An actor without state, at a fixed time. Lives as long as the program. */
hydra_test *hydra_test_new(const char *kind, const char *id);
/* Sends this body from outside, and runs the turn. */
hydra_turn hydra_test_send(hydra_test *test, const char *subject, const char *body);
/* Runs the turn of this message; what it leaves empty (id, time, attempt) is filled in. */
hydra_turn hydra_test_deliver(hydra_test *test, hydra_message msg);
/* Whether it replied with exactly this text; whether it failed in this way with this code. */
bool hydra_test_replied(hydra_turn turn, const char *text);
bool hydra_test_failed(hydra_turn turn, hydra_status status, const char *code);

/* The stored state; false: there is none. */
bool hydra_test_state(const hydra_test *test, hydra_bytes *state);
void hydra_test_set_state(hydra_test *test, const char *state);
/* Migrates the stored state, as the host does after state_version was raised. */
bool hydra_test_migrate(hydra_test *test, uint32_t from_version);
void hydra_test_config(hydra_test *test, const char *key, const char *value);
void hydra_test_set_now(hydra_test *test, uint64_t now_ms);
/* The next turn begins with hydra_activated. */
void hydra_test_sleep(hydra_test *test);
/* The next turn is lost as if the host crashed before it stored it. */
void hydra_test_fail_next(hydra_test *test);
/* Delivers the last message again, as the host does after a crash or a retry. */
hydra_turn hydra_test_retry(hydra_test *test);
/* Moves the clock and fires what is due, in order; how many turns that were. */
size_t hydra_test_advance(hydra_test *test, uint64_t ms);
/* Fires a timer now, whether or not it is due. */
hydra_turn hydra_test_fire(hydra_test *test, const char *name);

#endif
