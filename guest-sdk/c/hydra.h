/* Write actors for Hydra in C. A message goes in, an outcome comes out:
 *
 *     #include "hydra.h"
 *
 *     hydra_outcome hydra_handle(const hydra_message *msg) {
 *         if (hydra_is(msg->subject, "echo")) return hydra_reply(msg->body);
 *         return hydra_refuse("unknown-subject", hydra_join(msg->subject, hydra_text(": try echo")));
 *     }
 *
 * State is bytes: hydra_state reads them, hydra_set_state writes them. Keep nothing in static variables: they may be gone
 * at the next message. A turn that fails, traps or runs out of time leaves nothing behind: no state, no message sent.
 *
 * All memory that a turn gets comes from one arena and is gone after the turn; nothing is freed by hand.
 *
 * Reading order, a message's way: sandbox.c (the component's exports and imports), hydra.c (arena, outcomes, text, JSON).
 * hydra_test.h runs actors natively. No type of the generated bindings reaches an author.
 */
#ifndef HYDRA_H
#define HYDRA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- Bytes and text ---- */

/* Bytes that somebody else owns; text is UTF-8 and has no zero at its end. */
typedef struct {
    const char *at;
    size_t len;
} hydra_bytes;

/* A C string, without copying it. */
hydra_bytes hydra_text(const char *text);
/* Whether these are exactly the bytes of this C string. */
bool hydra_is(hydra_bytes bytes, const char *text);
bool hydra_equal(hydra_bytes one, hydra_bytes other);
/* What follows this C string at the beginning; false: it is not there. */
bool hydra_after(hydra_bytes bytes, const char *prefix, hydra_bytes *rest);
/* All of them, one behind the other: hydra_join(hydra_text("a"), msg->subject). */
#define hydra_join(...)                                                                                                \
    hydra_join_all((const hydra_bytes[]){__VA_ARGS__},                                                                 \
                   sizeof((const hydra_bytes[]){__VA_ARGS__}) / sizeof(hydra_bytes))
hydra_bytes hydra_join_all(const hydra_bytes *parts, size_t count);
/* Decimal. */
hydra_bytes hydra_integer(int64_t number);
/* Reads a decimal integer that is all there is; false: it is none, or does not fit. */
bool hydra_parse_integer(hydra_bytes bytes, int64_t *number);
/* Memory of this turn, zeroed and aligned for anything. A turn that wants more than there is traps. */
void *hydra_alloc(size_t size);

/* ---- JSON, as far as small actors need it ---- */

/* The value of a top-level field of an object, as it is written; false: no such field, or no object. */
bool hydra_json_field(hydra_bytes object, const char *name, hydra_bytes *value);
/* An integer value, with white space around it. */
bool hydra_json_integer(hydra_bytes value, int64_t *number);
/* A string value, without quotes and escapes. */
bool hydra_json_string(hydra_bytes value, hydra_bytes *text);
/* Text as a JSON string. */
hydra_bytes hydra_json_quote(hydra_bytes text);

/* ---- What arrives ---- */

/* Who: the kind names the component that handles it, the id is the actor within its kind. */
typedef struct {
    hydra_bytes kind, id;
} hydra_actor;

typedef struct {
    hydra_bytes name, value;
} hydra_header;

typedef enum { HYDRA_ANSWER_REPLIED, HYDRA_ANSWER_DONE, HYDRA_ANSWER_REFUSED, HYDRA_ANSWER_FAILED, HYDRA_ANSWER_TIMED_OUT } hydra_ending;

/* Ends a request that this actor made. */
typedef struct {
    hydra_bytes token, memo;
    hydra_ending ending;
    hydra_bytes code, text; /* why, when it was refused or failed */
} hydra_answer_info;

typedef struct {
    hydra_bytes id;            /* unique, the same on every try: usable as an idempotency key outside */
    const hydra_actor *sender; /* NULL: sent from outside */
    hydra_bytes subject;       /* what it is, for example "deposit"; "timer:NAME" when a timer fired */
    const hydra_header *headers;
    size_t header_count;
    hydra_bytes body;
    uint64_t accepted_at_ms; /* when the host stored it, Unix milliseconds */
    uint32_t attempt;        /* 1 for the first try */
    hydra_bytes reply_token; /* not empty: somebody waits; keep it for hydra_later and hydra_answer */
    const hydra_answer_info *answer; /* not NULL: this message ends a request; the body is the answer's */
} hydra_message;

/* ---- How a turn ends ---- */

typedef enum {
    HYDRA_DONE,
    HYDRA_REPLIED,
    HYDRA_LATER,
    HYDRA_REFUSED,
    HYDRA_FAILED,
    HYDRA_RETRY,
    HYDRA_SUSPENDED
} hydra_status;

/* Made by the functions below. */
typedef struct {
    hydra_status status;
    hydra_bytes body;
    const hydra_header *headers;
    size_t header_count;
    hydra_bytes code, text;
    bool has_after;
    uint64_t after_ms;
} hydra_outcome;

/* Handled, nothing to say. */
hydra_outcome hydra_done(void);
/* Handled, with these bytes as answer. */
hydra_outcome hydra_reply(hydra_bytes body);
hydra_outcome hydra_reply_with(hydra_bytes body, const hydra_header *headers, size_t header_count);
/* Handled, with this JSON as answer. */
hydra_outcome hydra_reply_json(hydra_bytes json);
/* Handled, and whoever waits goes on waiting, for hydra_answer with this message's reply_token in another turn. */
hydra_outcome hydra_later(void);
/* The caller's mistake: the caller is told. If nobody waits, the message becomes a dead letter. */
hydra_outcome hydra_refuse(const char *code, hydra_bytes text);
/* This message can never be handled: a dead letter, and the caller is told. */
hydra_outcome hydra_fail(const char *code, hydra_bytes text);
/* May work later: the same message again after the host's back-off, before any other. */
hydra_outcome hydra_retry(const char *code, hydra_bytes text);
hydra_outcome hydra_retry_after(uint64_t after_ms, const char *code, hydra_bytes text);
/* Nothing can be handled until a human acts, for example because the state does not decode: its messages wait. */
hydra_outcome hydra_suspend(const char *code, hydra_bytes text);

/* ---- What a turn can see and do; nothing takes effect before it ended well ---- */

/* The stored state, or what this turn has set; false: there is none. */
bool hydra_state(hydra_bytes *state);
/* Bytes that are stored already are not written again. */
void hydra_set_state(hydra_bytes state);
/* Forgets this actor. */
void hydra_delete(void);

hydra_actor hydra_self(void);
uint64_t hydra_now_ms(void); /* start of this try */
hydra_bytes hydra_random(uint32_t len);
bool hydra_config(const char *key, hydra_bytes *value); /* from [config] in actor.toml */

typedef enum { HYDRA_TRACE, HYDRA_DEBUG, HYDRA_INFO, HYDRA_WARN, HYDRA_ERROR } hydra_level;
/* Stays also when the turn fails. */
void hydra_log(hydra_level level, hydra_bytes text);

typedef enum { HYDRA_NORMAL, HYDRA_HIGH, HYDRA_LOW } hydra_priority;
typedef struct {
    hydra_actor to;
    hydra_bytes subject, body;
    const hydra_header *headers;
    size_t header_count;
    hydra_priority priority;
} hydra_sent;

/* An actor from two C strings. */
hydra_actor hydra_actor_of(const char *kind, hydra_bytes id);
/* Fire and forget: exactly once in effect, in order per receiver. Other kinds than its own need a grant in actor.toml. */
void hydra_send(hydra_actor to, const char *subject, hydra_bytes body);
void hydra_send_with(const hydra_sent *sent);
/* Like send, but exactly one message with an answer comes back, timed out at the latest. Returns its token. */
hydra_bytes hydra_request(const hydra_sent *sent, uint64_t timeout_ms, hydra_bytes memo);
/* A call to the outside. */
typedef struct {
    const char *endpoint, *method, *path; /* the endpoint's name in the host's settings; "post"; with its query */
    hydra_bytes body;
    const hydra_header *headers;
    size_t header_count;
    hydra_bytes lane;    /* calls of one lane keep their order; empty: a lane of this actor's own */
    uint64_t timeout_ms; /* all tries together; 0: 30,000 */
    hydra_bytes memo;
} hydra_call;
/* Calls an endpoint over HTTP: a request, whose answer has a status. The kind needs the grant http = ["ENDPOINT"] in
 * actor.toml. At least once: after a crash the other side may see it again, with the same Idempotency-Key. */
hydra_bytes hydra_http(const hydra_call *call);
/* The HTTP status with which a call was answered; 0: this is another message, or there was no response. */
int hydra_http_status(const hydra_message *msg);
/* Answers a message whose turn ended with hydra_later. The first answer counts. */
void hydra_answer(hydra_bytes reply_token, hydra_bytes body);

typedef enum { HYDRA_AT, HYDRA_AFTER, HYDRA_EVERY, HYDRA_CRON } hydra_when;
typedef struct {
    hydra_when when;
    uint64_t ms;              /* Unix milliseconds, or how many; every: 1,000 at least */
    const char *cron, *zone; /* five fields, or six with the second in front; and an IANA time zone */
    /* Not to be told of times that passed while no host ran or the actor was suspended. Else one message tells of them all,
     * and hydra_missed counts them. */
    bool skip_missed;
} hydra_schedule;
/* Replaces a timer of the same name. Fires as a message "timer:NAME" with this body; survives restarts. */
void hydra_set_timer(const char *name, hydra_schedule schedule, hydra_bytes body);
void hydra_cancel_timer(const char *name);
/* Of a timer that repeats: how many further times passed before this one was told. */
uint64_t hydra_missed(const hydra_message *msg);

/* ---- What an author writes ---- */

/* Handles one message. */
hydra_outcome hydra_handle(const hydra_message *msg);
/* Optional: before the first message after this actor was created or slept, in the same turn. */
void hydra_activated(void);
/* Optional: state written under an older state_version of actor.toml; `false` with a reason suspends the actor. */
bool hydra_migrate(uint32_t from_version, hydra_bytes state, hydra_bytes *migrated, hydra_bytes *reason);
/* Optional: what it understands, for whoever wants to talk to it; begin with HYDRA_ABOUT. */
hydra_bytes hydra_describe(void);
/* Starts a description: HYDRA_ABOUT "\"about\":\"A number.\",\"subjects\":[{\"subject\":\"get\",\"about\":\"…\"}]}" */
#define HYDRA_ABOUT "{\"sdk\":\"hydra-sdk-c/0.1.0\","

#endif
