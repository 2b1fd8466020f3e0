// How a turn ends: what Handle returns, and the few functions that build it. Pure data; export_wasm.go hands it to the host.

package hydra

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Outcome is how a turn ends that did its work; nil means done. Made by Done, Reply, ReplyBytes and Later.
type Outcome interface{ outcome() }

type (
	done    struct{}
	replied struct{ payload Payload }
	later   struct{}
)

func (done) outcome()    {}
func (replied) outcome() {}
func (later) outcome()   {}

// Payload is the headers and bytes of an answer.
type Payload struct {
	// Headers: content-type and x-… travel to callers over HTTP.
	Headers Headers
	// Body is opaque bytes.
	Body []byte
}

// Failure is how a turn ends that did not do its work. Made by Refuse, Fail, Retry, RetryAfter and Suspend.
type Failure struct {
	status Status
	after  *time.Duration
	// Code is for programs, for example "insufficient-funds".
	Code string
	// Text is for people: what is wrong, and what to do.
	Text string
}

// Error makes it an error.
func (f *Failure) Error() string { return f.Code + ": " + f.Text }

// Status says which of the four it is.
func (f *Failure) Status() Status { return f.status }

// Status is a turn's ending in a word.
type Status string

// The ways in which a turn ends.
const (
	StatusDone      Status = "done"
	StatusReplied   Status = "replied"
	StatusLater     Status = "later"
	StatusRefused   Status = "refused"
	StatusFailed    Status = "failed"
	StatusRetry     Status = "retry"
	StatusSuspended Status = "suspended"
)

const (
	refuse  = StatusRefused
	fail    = StatusFailed
	suspend = StatusSuspended
)

// Done: handled; whoever waits gets an empty answer.
func Done() (Outcome, error) { return done{}, nil }

// Reply: handled; answers with the value as JSON.
func Reply(value any) (Outcome, error) {
	payload, err := jsonPayload("reply", value)
	if err != nil {
		return nil, err
	}
	return replied{payload}, nil
}

// ReplyBytes: handled; answers with these bytes and headers.
func ReplyBytes(body []byte, headers ...Header) (Outcome, error) {
	return replied{Payload{Headers: headers, Body: body}}, nil
}

// Later: handled, and whoever waits goes on waiting, for Context.Answer with this message's ReplyToken in another turn.
func Later() (Outcome, error) { return later{}, nil }

// Refuse: the caller's mistake; the caller is told. If nobody waits, the message becomes a dead letter.
func Refuse(code, format string, values ...any) (Outcome, error) {
	return nil, failure(refuse, code, format, values...)
}

// Fail: this message can never be handled; it becomes a dead letter, and the caller is told.
func Fail(code, format string, values ...any) (Outcome, error) {
	return nil, failure(fail, code, format, values...)
}

// Retry: may work later; the same message comes again after the host's back-off, before any other.
func Retry(code, format string, values ...any) (Outcome, error) {
	return nil, failure(StatusRetry, code, format, values...)
}

// RetryAfter: may work after this time; the same message comes again then, before any other.
func RetryAfter(after time.Duration, code, format string, values ...any) (Outcome, error) {
	failed := failure(StatusRetry, code, format, values...)
	failed.after = &after
	return nil, failed
}

// Suspend: nothing can be handled until a human acts; the actor stops, its messages wait.
func Suspend(code, format string, values ...any) (Outcome, error) {
	return nil, failure(suspend, code, format, values...)
}

func failure(status Status, code, format string, values ...any) *Failure {
	text := format
	if len(values) > 0 {
		text = fmt.Sprintf(format, values...)
	}
	return &Failure{status: status, Code: code, Text: text}
}

// asFailure: an error that says nothing of its kind would come again on every try, so the message fails.
func asFailure(err error) *Failure {
	var failed *Failure
	if errors.As(err, &failed) {
		return failed
	}
	return failure(fail, "error", "%s", err.Error())
}

func jsonPayload(what string, value any) (Payload, error) {
	body, err := toJSON(value)
	if err != nil {
		return Payload{}, failure(fail, what+"-does-not-encode", "the %s cannot be JSON: %s", what, err)
	}
	return Payload{Headers: Headers{{"content-type", "application/json"}}, Body: body}, nil
}

// toJSON leaves <, > and & as they are: nothing here is put into HTML.
func toJSON(value any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), nil
}
