/* The little JSON that small actors need: fields of an object, integers and strings. Part of hydra.h.
 * Reads strictly enough never to run past the end, however deep or broken the text is; for more, bring a library.
 */
#include <string.h>

#include "hydra.h"

/* Objects and arrays inside each other; more is no JSON for us. */
#define DEPTH_MAX 64

static hydra_bytes trimmed(hydra_bytes text) {
    const char *white = " \t\r\n";
    while (text.len && memchr(white, text.at[0], 4)) text.at++, text.len--;
    while (text.len && memchr(white, text.at[text.len - 1], 4)) text.len--;
    return text;
}

static void skip_white(hydra_bytes *rest) {
    while (rest->len && memchr(" \t\r\n", rest->at[0], 4)) rest->at++, rest->len--;
}

/* Takes one byte, if it is this one. */
static bool took(hydra_bytes *rest, char wanted) {
    if (!rest->len || rest->at[0] != wanted) return false;
    rest->at++, rest->len--;
    return true;
}

/* Takes a string with its quotes. */
static bool take_string(hydra_bytes *rest, hydra_bytes *string) {
    hydra_bytes start = *rest;
    if (!took(rest, '"')) return false;
    while (rest->len && rest->at[0] != '"') {
        size_t step = rest->at[0] == '\\' ? 2 : 1;
        if ((unsigned char)rest->at[0] < 0x20 || rest->len < step) return false;
        rest->at += step, rest->len -= step;
    }
    if (!took(rest, '"')) return false;
    *string = (hydra_bytes){start.at, start.len - rest->len};
    return true;
}

/* Takes one value of any kind, as it is written. */
static bool take_value(hydra_bytes *rest, hydra_bytes *value) {
    hydra_bytes start = *rest, string;
    int depth = 0;
    do {
        skip_white(rest);
        if (!rest->len) return false;
        char first = rest->at[0];
        if (first == '"') {
            if (!take_string(rest, &string)) return false;
            continue;
        }
        if (first == '{' || first == '[') {
            if (++depth > DEPTH_MAX) return false;
        } else if (first == '}' || first == ']') {
            if (--depth < 0) return false;
        } else if (first == ',' || first == ':') {
            if (depth == 0) return false;
        } else {
            while (rest->len && !memchr("\"{}[],: \t\r\n", rest->at[0], 11)) rest->at++, rest->len--;
            continue;
        }
        rest->at++, rest->len--;
    } while (depth > 0);
    *value = (hydra_bytes){start.at, start.len - rest->len};
    return value->len > 0;
}

bool hydra_json_field(hydra_bytes object, const char *name, hydra_bytes *value) {
    hydra_bytes rest = trimmed(object), key, found, text;
    if (!took(&rest, '{')) return false;
    do {
        skip_white(&rest);
        if (!take_string(&rest, &key)) return false;
        skip_white(&rest);
        if (!took(&rest, ':')) return false;
        skip_white(&rest);
        if (!take_value(&rest, &found)) return false;
        if (hydra_json_string(key, &text) && hydra_is(text, name)) {
            *value = found;
            return true;
        }
        skip_white(&rest);
    } while (took(&rest, ','));
    return false;
}

bool hydra_json_integer(hydra_bytes value, int64_t *number) {
    hydra_bytes digits = trimmed(value);
    size_t first = digits.len && digits.at[0] == '-';
    if (digits.len > first + 1 && digits.at[first] == '0') return false; /* 007 is no JSON */
    return hydra_parse_integer(digits, number);
}

static bool hexadecimal(const char *at, uint32_t *code) {
    *code = 0;
    for (int i = 0; i < 4; i++) {
        const char *digits = "0123456789abcdef", *found = memchr(digits, at[i] | 0x20, 16);
        if (!found) return false;
        *code = *code << 4 | (uint32_t)(found - digits);
    }
    return true;
}

static size_t put_utf8(char *to, uint32_t code) {
    if (code < 0x80) return to[0] = (char)code, 1;
    if (code < 0x800) return to[0] = (char)(0xC0 | code >> 6), to[1] = (char)(0x80 | (code & 63)), 2;
    if (code < 0x10000) {
        to[0] = (char)(0xE0 | code >> 12), to[1] = (char)(0x80 | (code >> 6 & 63)), to[2] = (char)(0x80 | (code & 63));
        return 3;
    }
    to[0] = (char)(0xF0 | code >> 18), to[1] = (char)(0x80 | (code >> 12 & 63));
    to[2] = (char)(0x80 | (code >> 6 & 63)), to[3] = (char)(0x80 | (code & 63));
    return 4;
}

/* Takes what follows "\u", with the second half of a pair; a half alone is no text. */
static bool take_unicode(hydra_bytes *rest, uint32_t *code) {
    uint32_t low;
    if (rest->len < 4 || !hexadecimal(rest->at, code)) return false;
    rest->at += 4, rest->len -= 4;
    if (*code < 0xD800 || *code > 0xDFFF) return true;
    if (*code > 0xDBFF || rest->len < 6 || rest->at[0] != '\\' || rest->at[1] != 'u') return false;
    if (!hexadecimal(rest->at + 2, &low) || low < 0xDC00 || low > 0xDFFF) return false;
    rest->at += 6, rest->len -= 6;
    *code = 0x10000 + ((*code - 0xD800) << 10 | (low - 0xDC00));
    return true;
}

bool hydra_json_string(hydra_bytes value, hydra_bytes *text) {
    hydra_bytes rest = trimmed(value), string;
    hydra_bytes all = rest;
    if (!take_string(&rest, &string) || string.len != all.len) return false;
    rest = (hydra_bytes){string.at + 1, string.len - 2};
    if (!rest.len || !memchr(rest.at, '\\', rest.len)) return *text = rest, true;
    char *to = hydra_alloc(rest.len);
    size_t len = 0;
    while (rest.len) {
        char letter = *rest.at;
        rest.at++, rest.len--;
        if (letter == '\\') {
            const char *from = "\"\\/bfnrt", *into = "\"\\/\b\f\n\r\t", *found;
            uint32_t code = 0;
            char escape = *rest.at; /* there is one: take_string saw to it */
            rest.at++, rest.len--;
            if (escape == 'u') {
                if (!take_unicode(&rest, &code)) return false;
                len += put_utf8(to + len, code);
                continue;
            }
            found = memchr(from, escape, 8);
            if (!found) return false;
            letter = into[found - from];
        }
        to[len++] = letter;
    }
    *text = (hydra_bytes){to, len};
    return true;
}

hydra_bytes hydra_json_quote(hydra_bytes text) {
    static const char digits[] = "0123456789abcdef";
    char *to = hydra_alloc(text.len * 6 + 2);
    size_t len = 0;
    to[len++] = '"';
    for (size_t i = 0; i < text.len; i++) {
        unsigned char letter = (unsigned char)text.at[i];
        if (letter < 0x20) {
            memcpy(to + len, "\\u00", 4);
            to[len + 4] = digits[letter >> 4], to[len + 5] = digits[letter & 15];
            len += 6;
            continue;
        }
        if (letter == '"' || letter == '\\') to[len++] = '\\';
        to[len++] = (char)letter;
    }
    to[len++] = '"';
    return (hydra_bytes){to, len};
}
