/* The component's exports and imports: the only file that knows the generated bindings.
 * Called by the host; calls the author's functions. An import that the host denies ends the turn there: nothing here fails.
 */
#include <string.h>

#include "bindings/full_actor.h"
#include "hydra.h"
#include "internal.h"

/* ---- Memory: everything behind the program's own data is the arena ---- */

#define PAGE ((size_t)65536)

extern unsigned char __heap_base;

static uintptr_t arena_start(void) {
    return ((uintptr_t)&__heap_base + 15) & ~(uintptr_t)15;
}

uintptr_t hydra_more(uintptr_t *at, size_t size) {
    if (*at < arena_start()) *at = arena_start();
    uintptr_t end = __builtin_wasm_memory_size(0) * PAGE, wanted = *at + size;
    if (wanted < size) __builtin_trap();
    if (wanted > end) {
        if (__builtin_wasm_memory_grow(0, (wanted - end + PAGE - 1) / PAGE) == SIZE_MAX) __builtin_trap();
        end = __builtin_wasm_memory_size(0) * PAGE;
    }
    return end;
}

/* The C library's allocator would fight for the same memory. */
void *malloc(size_t size) {
    return hydra_take(size);
}

void *calloc(size_t count, size_t size) {
    if (size && count > SIZE_MAX / size) return NULL;
    return hydra_alloc(count * size);
}

void *realloc(void *old, size_t size) {
    /* How long the old one was nobody knows; what is behind it belongs to us as well, so that copying more is harmless. */
    void *new = hydra_take(size);
    if (!old) return new;
    size_t most = (size_t)((char *)new - (char *)old);
    return memcpy(new, old, size < most ? size : most);
}

void free(void *memory) {
    (void)memory;
}

/* After the host took the result, nothing of the turn is needed any more. These take the place of the generated ones, whose
 * names as exports would go with them. */
__attribute__((export_name("cabi_post_hydra:actor/handler@0.1.0#handle")))
void __wasm_export_exports_hydra_actor_handler_handle_post_return(uint8_t *result) {
    (void)result;
    hydra_arena_reset(arena_start());
}

__attribute__((export_name("cabi_post_hydra:actor/lifecycle@0.1.0#migrate")))
void __wasm_export_exports_hydra_actor_lifecycle_migrate_post_return(uint8_t *result) {
    (void)result;
    hydra_arena_reset(arena_start());
}

__attribute__((export_name("cabi_post_hydra:actor/lifecycle@0.1.0#describe")))
void __wasm_export_exports_hydra_actor_lifecycle_describe_post_return(uint8_t *result) {
    (void)result;
    hydra_arena_reset(arena_start());
}

/* The bindings would link an object that names their world; `hydra build` names it instead. */
void __component_type_object_force_link_full_actor(void) {}

/* ---- Between the bindings' types and ours ---- */

static hydra_bytes in(full_actor_string_t text) {
    return (hydra_bytes){(const char *)text.ptr, text.len};
}

static hydra_bytes list_in(full_actor_list_u8_t list) {
    return (hydra_bytes){(const char *)list.ptr, list.len};
}

static full_actor_string_t out(hydra_bytes bytes) {
    return (full_actor_string_t){(uint8_t *)bytes.at, bytes.len};
}

static full_actor_list_u8_t list_out(hydra_bytes bytes) {
    return (full_actor_list_u8_t){(uint8_t *)bytes.at, bytes.len};
}

static hydra_actor actor_in(hydra_actor_types_actor_id_t actor) {
    return (hydra_actor){in(actor.kind), in(actor.id)};
}

static hydra_actor_types_actor_id_t actor_out(hydra_actor actor) {
    return (hydra_actor_types_actor_id_t){out(actor.kind), out(actor.id)};
}

/* Both are pairs of two texts, each an address and a length. */
_Static_assert(sizeof(hydra_header) == sizeof(full_actor_tuple2_string_string_t), "a header is a pair of texts");

static hydra_actor_types_headers_t headers_out(const hydra_header *headers, size_t count) {
    return (hydra_actor_types_headers_t){(full_actor_tuple2_string_string_t *)headers, count};
}

static hydra_actor_types_fault_t fault_out(const hydra_outcome *outcome) {
    return (hydra_actor_types_fault_t){out(outcome->code), out(outcome->text)};
}

/* ---- Exports ---- */

static hydra_answer_info answer_in(const hydra_actor_types_answer_t *raw) {
    hydra_answer_info answer = {in(raw->token), list_in(raw->memo), (hydra_ending)raw->ending.tag, {0}, {0}};
    if (answer.ending == HYDRA_ANSWER_REFUSED || answer.ending == HYDRA_ANSWER_FAILED) {
        answer.code = in(raw->ending.val.refused.code);
        answer.text = in(raw->ending.val.refused.text);
    }
    return answer;
}

bool exports_hydra_actor_handler_handle(hydra_actor_types_message_t *raw, hydra_actor_types_outcome_t *good,
                                        hydra_actor_types_failure_t *bad) {
    hydra_actor sender = actor_in(raw->sender.val);
    hydra_answer_info answer = raw->answer.is_some ? answer_in(&raw->answer.val) : (hydra_answer_info){0};
    hydra_message msg = {
        .id = in(raw->id),
        .sender = raw->sender.is_some ? &sender : NULL,
        .subject = in(raw->subject),
        .headers = (const hydra_header *)raw->headers.ptr,
        .header_count = raw->headers.len,
        .body = list_in(raw->body),
        .accepted_at_ms = raw->accepted_at_ms,
        .attempt = raw->attempt,
        .reply_token = raw->reply_token.is_some ? in(raw->reply_token.val) : (hydra_bytes){0},
        .answer = raw->answer.is_some ? &answer : NULL,
    };
    hydra_outcome outcome = hydra_handle(&msg);
    switch (outcome.status) {
    case HYDRA_DONE:
        good->tag = HYDRA_ACTOR_TYPES_OUTCOME_DONE;
        return true;
    case HYDRA_REPLIED:
        good->tag = HYDRA_ACTOR_TYPES_OUTCOME_REPLY;
        good->val.reply.headers = headers_out(outcome.headers, outcome.header_count);
        good->val.reply.body = list_out(outcome.body);
        return true;
    case HYDRA_LATER:
        good->tag = HYDRA_ACTOR_TYPES_OUTCOME_LATER;
        return true;
    case HYDRA_REFUSED:
        bad->tag = HYDRA_ACTOR_TYPES_FAILURE_REFUSE;
        bad->val.refuse = fault_out(&outcome);
        return false;
    case HYDRA_RETRY:
        bad->tag = HYDRA_ACTOR_TYPES_FAILURE_RETRY;
        bad->val.retry.fault = fault_out(&outcome);
        bad->val.retry.after_ms = (full_actor_option_u64_t){outcome.has_after, outcome.after_ms};
        return false;
    case HYDRA_SUSPENDED:
        bad->tag = HYDRA_ACTOR_TYPES_FAILURE_SUSPEND;
        bad->val.suspend = fault_out(&outcome);
        return false;
    case HYDRA_FAILED:
        break;
    }
    bad->tag = HYDRA_ACTOR_TYPES_FAILURE_FAIL;
    bad->val.fail = fault_out(&outcome);
    return false;
}

void exports_hydra_actor_lifecycle_activated(void) {
    hydra_activated();
}

bool exports_hydra_actor_lifecycle_migrate(uint32_t from_version, full_actor_list_u8_t *state,
                                           full_actor_list_u8_t *migrated, hydra_actor_types_fault_t *bad) {
    hydra_bytes now, reason = {0};
    if (hydra_migrate(from_version, list_in(*state), &now, &reason)) {
        *migrated = list_out(now);
        return true;
    }
    *bad = (hydra_actor_types_fault_t){out(hydra_text("state-does-not-migrate")), out(reason)};
    return false;
}

void exports_hydra_actor_lifecycle_describe(full_actor_string_t *description) {
    *description = out(hydra_describe());
}

/* ---- Imports ---- */

bool hydra_state(hydra_bytes *state) {
    full_actor_list_u8_t raw = {0};
    bool there = hydra_actor_state_get(&raw);
    if (there) *state = list_in(raw);
    return there;
}

void hydra_set_state(hydra_bytes state) {
    hydra_bytes before;
    if (hydra_state(&before) && hydra_equal(before, state)) return;
    full_actor_list_u8_t raw = list_out(state);
    hydra_actor_state_set(&raw);
}

void hydra_delete(void) {
    hydra_actor_state_delete();
}

hydra_actor hydra_self(void) {
    hydra_actor_types_actor_id_t self;
    hydra_actor_runtime_self(&self);
    return actor_in(self);
}

uint64_t hydra_now_ms(void) {
    return hydra_actor_runtime_now_ms();
}

hydra_bytes hydra_random(uint32_t len) {
    full_actor_list_u8_t raw;
    hydra_actor_runtime_random(len, &raw);
    return list_in(raw);
}

bool hydra_config(const char *key, hydra_bytes *value) {
    full_actor_string_t name = out(hydra_text(key)), raw = {0};
    bool there = hydra_actor_runtime_config(&name, &raw);
    if (there) *value = in(raw);
    return there;
}

void hydra_log(hydra_level level, hydra_bytes text) {
    full_actor_string_t raw = out(text);
    hydra_actor_runtime_log((uint8_t)level, &raw);
}

static hydra_actor_messaging_options_t options_of(const hydra_sent *sent) {
    return (hydra_actor_messaging_options_t){headers_out(sent->headers, sent->header_count), (uint8_t)sent->priority};
}

static bool has_options(const hydra_sent *sent) {
    return sent->header_count || sent->priority != HYDRA_NORMAL;
}

void hydra_send_with(const hydra_sent *sent) {
    hydra_actor_types_actor_id_t to = actor_out(sent->to);
    full_actor_string_t subject = out(sent->subject);
    full_actor_list_u8_t body = list_out(sent->body);
    hydra_actor_messaging_options_t options = options_of(sent);
    hydra_actor_messaging_send(&to, &subject, &body, has_options(sent) ? &options : NULL);
}

hydra_bytes hydra_request(const hydra_sent *sent, uint64_t timeout_ms, hydra_bytes memo) {
    hydra_actor_types_actor_id_t to = actor_out(sent->to);
    full_actor_string_t subject = out(sent->subject), token;
    full_actor_list_u8_t body = list_out(sent->body), raw_memo = list_out(memo);
    hydra_actor_messaging_options_t options = options_of(sent);
    hydra_actor_messaging_options_t *maybe = has_options(sent) ? &options : NULL;
    hydra_actor_messaging_request(&to, &subject, &body, timeout_ms, &raw_memo, maybe, &token);
    return in(token);
}

void hydra_answer(hydra_bytes reply_token, hydra_bytes body) {
    full_actor_string_t token = out(reply_token);
    hydra_actor_types_payload_t answer = {headers_out(NULL, 0), list_out(body)};
    hydra_actor_messaging_answer(&token, &answer);
}

void hydra_set_timer(const char *name, hydra_schedule schedule, hydra_bytes body) {
    full_actor_string_t raw_name = out(hydra_text(name));
    full_actor_list_u8_t raw_body = list_out(body);
    hydra_actor_timers_schedule_t when = {.tag = (uint8_t)schedule.when};
    if (schedule.when == HYDRA_CRON) {
        when.val.cron.f0 = out(hydra_text(schedule.cron));
        when.val.cron.f1 = out(hydra_text(schedule.zone));
    } else {
        when.val.at_ms = schedule.ms; /* one place for all three */
    }
    uint8_t missed = schedule.skip_missed ? HYDRA_ACTOR_TIMERS_MISSED_SKIP : HYDRA_ACTOR_TIMERS_MISSED_FIRE_ONCE;
    hydra_actor_timers_set(&raw_name, &when, &raw_body, missed);
}

void hydra_cancel_timer(const char *name) {
    full_actor_string_t raw = out(hydra_text(name));
    hydra_actor_timers_cancel(&raw);
}
