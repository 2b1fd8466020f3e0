/* A calculator with memory: `run` takes "price = 3 * (4 + tax)" or "price / 2", and replies with the value.
 * Teaches: a parser over bytes from outside, a few microseconds a message and 15 KiB of component; state in a format of one's
 * own (a line "NAME VALUE" for each variable); why the sandbox suits C: whatever the parser got wrong, a bad byte could cost
 * one message and nothing else. Bounded: depth, variables and names; every overflow is refused, none is computed.
 */
#include <string.h>

#include "hydra.h"

#define DEPTH_MAX 64
#define NAME_MAX 32
#define VARIABLES_MAX 256

typedef struct {
    hydra_bytes name;
    int64_t value;
} variable;

typedef struct {
    const hydra_bytes text;
    size_t at;
    int depth;
    const char *wrong; /* the first mistake; its place is `at` */
    variable variables[VARIABLES_MAX];
    size_t count;
} parser;

/* ---- Variables ---- */

static variable *find(parser *p, hydra_bytes name) {
    for (size_t i = 0; i < p->count; i++) {
        if (hydra_equal(p->variables[i].name, name)) return &p->variables[i];
    }
    return NULL;
}

/* False: there are too many. */
static bool assign(parser *p, hydra_bytes name, int64_t value) {
    variable *known = find(p, name);
    if (!known) {
        if (p->count == VARIABLES_MAX) return false;
        known = &p->variables[p->count++];
        known->name = name;
    }
    known->value = value;
    return true;
}

static hydra_bytes encode(const parser *p) {
    hydra_bytes parts[VARIABLES_MAX * 4];
    for (size_t i = 0; i < p->count; i++) {
        parts[i * 4] = p->variables[i].name;
        parts[i * 4 + 1] = hydra_text(" ");
        parts[i * 4 + 2] = hydra_integer(p->variables[i].value);
        parts[i * 4 + 3] = hydra_text("\n");
    }
    return hydra_join_all(parts, p->count * 4);
}

static bool decode(parser *p, hydra_bytes state) {
    while (state.len) {
        const char *line = memchr(state.at, '\n', state.len);
        const char *space = line ? memchr(state.at, ' ', (size_t)(line - state.at)) : NULL;
        int64_t value;
        if (!space || !hydra_parse_integer((hydra_bytes){space + 1, (size_t)(line - space - 1)}, &value)) return false;
        if (!assign(p, (hydra_bytes){state.at, (size_t)(space - state.at)}, value)) return false;
        state.len -= (size_t)(line + 1 - state.at);
        state.at = line + 1;
    }
    return true;
}

/* ---- The grammar: statement = [NAME '='] sum; sum = product {('+'|'-') product}; product = factor {('*'|'/'|'%') factor};
 *      factor = NUMBER | NAME | '-' factor | '(' sum ')' ---- */

static int64_t fail(parser *p, const char *wrong) {
    if (!p->wrong) p->wrong = wrong;
    return 0;
}

static char peek(parser *p) {
    while (p->at < p->text.len && memchr(" \t\r\n", p->text.at[p->at], 4)) p->at++;
    return p->at < p->text.len ? p->text.at[p->at] : '\0';
}

static bool take(parser *p, char wanted) {
    if (peek(p) != wanted || p->at == p->text.len) return false;
    p->at++;
    return true;
}

static bool is_letter(char letter) {
    return ((letter | 0x20) >= 'a' && (letter | 0x20) <= 'z') || letter == '_';
}

static bool is_digit(char letter) {
    return letter >= '0' && letter <= '9';
}

static hydra_bytes word(parser *p) {
    size_t start = p->at;
    while (p->at < p->text.len && (is_letter(p->text.at[p->at]) || is_digit(p->text.at[p->at]))) p->at++;
    return (hydra_bytes){p->text.at + start, p->at - start};
}

static int64_t sum(parser *p);

static int64_t factor(parser *p) {
    int64_t value = 0;
    char first = peek(p);
    if (p->depth == DEPTH_MAX) return fail(p, "nested too deep");
    p->depth++;
    if (is_digit(first)) {
        if (!hydra_parse_integer(word(p), &value)) fail(p, "no number of 64 bits");
    } else if (is_letter(first)) {
        const variable *known = find(p, word(p));
        value = known ? known->value : fail(p, "no such variable");
    } else if (take(p, '-')) {
        if (__builtin_sub_overflow((int64_t)0, factor(p), &value)) fail(p, "the value does not fit 64 bits");
    } else if (take(p, '(')) {
        value = sum(p);
        if (!take(p, ')')) fail(p, "a ) is missing");
    } else {
        fail(p, "a number, a name, - or ( belongs here");
    }
    p->depth--;
    return value;
}

static int64_t product(parser *p) {
    int64_t value = factor(p);
    while (!p->wrong) {
        char operator = peek(p);
        bool overflow = false;
        if (!take(p, '*') && !take(p, '/') && !take(p, '%')) break;
        int64_t right = factor(p);
        if (p->wrong) break;
        if (operator == '*') {
            overflow = __builtin_mul_overflow(value, right, &value);
        } else if (right == 0) {
            fail(p, "division by zero");
        } else if (right == -1) { /* the machine's division traps at the smallest number */
            overflow = operator == '/' && __builtin_sub_overflow((int64_t)0, value, &value);
            if (operator == '%') value = 0;
        } else {
            value = operator == '/' ? value / right : value % right;
        }
        if (overflow) fail(p, "the value does not fit 64 bits");
    }
    return value;
}

static int64_t sum(parser *p) {
    int64_t value = product(p);
    while (!p->wrong) {
        bool plus = peek(p) == '+';
        if (!take(p, '+') && !take(p, '-')) break;
        int64_t right = product(p);
        bool overflow = plus ? __builtin_add_overflow(value, right, &value) : __builtin_sub_overflow(value, right, &value);
        if (overflow) fail(p, "the value does not fit 64 bits");
    }
    return value;
}

static hydra_outcome run(parser *p) {
    hydra_bytes name = {0};
    if (is_letter(peek(p))) {
        name = word(p);
        if (!take(p, '=')) {
            p->at = 0;
            name.len = 0;
        }
    }
    int64_t value = sum(p);
    if (!p->wrong && (peek(p), p->at < p->text.len)) fail(p, "the end belongs here");
    if (!p->wrong && name.len > NAME_MAX) fail(p, "a name has at most 32 letters");
    if (!p->wrong && name.len && !assign(p, name, value)) fail(p, "there are 256 variables already");
    if (p->wrong) {
        hydra_bytes text = hydra_join(hydra_text("at byte "), hydra_integer((int64_t)p->at), hydra_text(": "), hydra_text(p->wrong));
        return hydra_refuse("does-not-parse", text);
    }
    if (name.len) hydra_set_state(encode(p));
    return hydra_reply_json(hydra_integer(value));
}

hydra_outcome hydra_handle(const hydra_message *msg) {
    hydra_bytes state;
    parser p = {.text = msg->body};
    if (hydra_state(&state) && !decode(&p, state)) {
        return hydra_suspend("state-does-not-decode", hydra_text("deploy a version that can read it, or migrate"));
    }
    if (hydra_is(msg->subject, "run")) return run(&p);
    if (hydra_is(msg->subject, "variables")) return hydra_reply(encode(&p));
    return hydra_refuse("unknown-subject", hydra_join(msg->subject, hydra_text(": try run, variables")));
}

hydra_bytes hydra_describe(void) {
    return hydra_text(HYDRA_ABOUT
        "\"about\":\"A calculator with memory.\",\"subjects\":["
        "{\"subject\":\"run\",\"about\":\"Computes, as in a = 3 * (4 + b); replies with the value.\","
        "\"reply\":{\"schema\":{\"type\":\"integer\"},\"example\":12}},"
        "{\"subject\":\"variables\",\"about\":\"Replies with a line NAME VALUE for each variable.\"}]}");
}
