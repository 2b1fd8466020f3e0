// What arrives: a message, its headers, and the actors it comes from and goes to. Pure data; export_wasm.go fills it from the
// host, hydratest from a test.

package hydra

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// ActorID says who: the kind names the component that handles it, the id is the actor within its kind.
type ActorID struct {
	// Which component handles it, for example "counter".
	Kind string
	// Which of that kind: any text of 1 to 256 bytes.
	ID string
}

// ParseActor reads KIND/ID; text without a slash is a kind with an empty id, which the host refuses.
func ParseActor(text string) ActorID {
	kind, id, _ := strings.Cut(text, "/")
	return ActorID{Kind: kind, ID: id}
}

// String is KIND/ID.
func (a ActorID) String() string { return a.Kind + "/" + a.ID }

// Header is a name and its value. Names are [A-Za-z0-9-]+ and compare without regard to case.
type Header struct{ Name, Value string }

// Headers are in order.
type Headers []Header

// Get returns the first value under this name, or "".
func (h Headers) Get(name string) string {
	for _, header := range h {
		if strings.EqualFold(header.Name, name) {
			return header.Value
		}
	}
	return ""
}

// Message is one message to this actor.
type Message struct {
	// ID is unique, and the same on every try: usable as an idempotency key outside.
	ID string
	// Sender is the sending actor; nil: sent from outside.
	Sender *ActorID
	// Subject says what it is, for example "deposit".
	Subject string
	// Headers are the sender's own; content-type is one of them.
	Headers Headers
	// Body is the bytes.
	Body []byte
	// AcceptedAt is when the host stored it.
	AcceptedAt time.Time
	// Attempt is 1 for the first try of this message, one more after each retry or crash.
	Attempt uint32
	// ReplyToken is there when somebody waits: keep it to end this turn with Later and to call Context.Answer in another.
	ReplyToken string
	// Answer is there when this message ends a request of this actor; Body and Headers are then the answer's.
	Answer *Answer
}

// Answer ends a request that this actor made.
type Answer struct {
	// Token is what Context.Request returned.
	Token string
	// Memo is the bytes given with the request.
	Memo []byte
	// Ending says how it ended.
	Ending Ending
	// Code and Text say why, when it was refused or failed.
	Code, Text string
}

// Ending says how a request ended.
type Ending uint8

// The ways in which a request ends.
const (
	Replied Ending = iota
	Finished
	Refused
	Failed
	TimedOut
)

// JSON reads the body as JSON. Its error refuses the message with the code "body-does-not-decode": return it.
func (m *Message) JSON(into any) error {
	err := json.Unmarshal(m.Body, into)
	if err == nil && bytes.Equal(bytes.TrimSpace(m.Body), []byte("null")) && !takesNull(into) {
		return m.notDecodable("JSON of the expected shape", "null")
	}
	if err != nil {
		return m.notDecodable("JSON of the expected shape", err.Error())
	}
	return nil
}

// takesNull: encoding/json leaves other types as they are when it reads null, which would hide a caller's mistake.
func takesNull(into any) bool {
	target := reflect.TypeOf(into)
	if target.Kind() != reflect.Pointer {
		return true
	}
	switch target.Elem().Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface:
		return true
	}
	return reflect.PointerTo(target.Elem()).Implements(reflect.TypeFor[json.Unmarshaler]())
}

// Text reads the body as UTF-8. Its error refuses the message with the code "body-does-not-decode": return it.
func (m *Message) Text() (string, error) {
	if !utf8.Valid(m.Body) {
		return "", m.notDecodable("UTF-8", "invalid UTF-8")
	}
	return string(m.Body), nil
}

// Timer returns the name of the timer that sent this message.
func (m *Message) Timer() (name string, ok bool) { return strings.CutPrefix(m.Subject, "timer:") }

// Missed counts, of a timer that repeats, the further times that passed before this one was told.
func (m *Message) Missed() uint64 {
	missed, err := strconv.ParseUint(m.Headers.Get("hydra-missed"), 10, 64)
	if err != nil {
		return 0
	}
	return missed
}

// Status is the HTTP status with which a call was answered; 0: this is another message, or there was no response.
func (m *Message) Status() int {
	if m.Answer == nil || m.Answer.Ending != Replied {
		return 0
	}
	status, err := strconv.Atoi(m.Headers.Get("status"))
	if err != nil {
		return 0
	}
	return status
}

func (m *Message) notDecodable(wanted, why string) error {
	return failure(refuse, "body-does-not-decode", "%s wants a body of %s; these %d bytes are not: %s", m.Subject, wanted, len(m.Body), why)
}
