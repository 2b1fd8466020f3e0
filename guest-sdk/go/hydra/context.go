// What an actor can see and do during a turn, beside its state and its outcome. Every method is one call of the Host.

package hydra

import (
	"fmt"
	"strings"
	"time"
)

// idBytesMax is the longest id of an actor.
const idBytesMax = 256

// Context is one turn's view of the host. Nothing here takes effect before the turn ended well and the host stored it;
// only log lines stay.
type Context struct {
	host    Host
	self    *ActorID
	deleted bool
}

// Self says who this actor is.
func (c *Context) Self() ActorID {
	if c.self == nil {
		self := c.host.Self()
		c.self = &self
	}
	return *c.self
}

// Option changes how a message is sent.
type Option func(*sending)

type sending struct {
	headers  Headers
	priority Priority
	memo     []byte
	lane     string
}

// WithHeader adds a header.
func WithHeader(name, value string) Option {
	return func(s *sending) { s.headers = append(s.headers, Header{name, value}) }
}

// WithPriority chooses how soon the receiver gets its turn.
func WithPriority(priority Priority) Option { return func(s *sending) { s.priority = priority } }

// WithMemo gives a request bytes that come back with its answer: context without a place in the state.
func WithMemo(memo []byte) Option { return func(s *sending) { s.memo = memo } }

// WithLane chooses the lane of a call: calls of one lane keep their order. Without it a call is in a lane of this actor's own.
func WithLane(lane string) Option { return func(s *sending) { s.lane = lane } }

// Send sends the value as JSON to another actor, or to itself: fire and forget, delivered exactly once in effect, in
// order per receiver. Other kinds than its own need a grant in actor.toml. The error says that the value cannot be JSON: return it.
func (c *Context) Send(to ActorID, subject string, value any, options ...Option) error {
	payload, err := jsonPayload("message", value)
	if err != nil {
		return err
	}
	sent, _ := message(to, subject, payload, options)
	c.host.Send(sent)
	return nil
}

// SendBytes sends these bytes to another actor.
func (c *Context) SendBytes(to ActorID, subject string, body []byte, options ...Option) {
	sent, _ := message(to, subject, Payload{Body: body}, options)
	c.host.Send(sent)
}

// Request is Send, but exactly one message with an Answer comes back, with Ending TimedOut at the latest. Returns its token.
func (c *Context) Request(to ActorID, subject string, value any, timeout time.Duration, options ...Option) (token string, err error) {
	payload, err := jsonPayload("message", value)
	if err != nil {
		return "", err
	}
	return c.request(to, subject, payload, timeout, options), nil
}

// RequestBytes is Request with these bytes.
func (c *Context) RequestBytes(to ActorID, subject string, body []byte, timeout time.Duration, options ...Option) (token string) {
	return c.request(to, subject, Payload{Body: body}, timeout, options)
}

func (c *Context) request(to ActorID, subject string, payload Payload, timeout time.Duration, options []Option) string {
	sent, memo := message(to, subject, payload, options)
	return c.host.Request(sent, timeout, memo)
}

// HTTP calls an endpoint of the host's settings, with the value as JSON: a request, whose answer has a Status. The kind needs
// the grant http = ["ENDPOINT"] in actor.toml. At least once: after a crash the other side may see the same call again,
// with the same Idempotency-Key. Returns the request's token.
func (c *Context) HTTP(endpoint, method, path string, value any, timeout time.Duration, options ...Option) (token string, err error) {
	payload, err := jsonPayload("call", value)
	if err != nil {
		return "", err
	}
	return c.call(endpoint, method, path, payload, timeout, options), nil
}

// HTTPBytes is HTTP with these bytes, or with none.
func (c *Context) HTTPBytes(endpoint, method, path string, body []byte, timeout time.Duration, options ...Option) (token string) {
	return c.call(endpoint, method, path, Payload{Body: body}, timeout, options)
}

func (c *Context) call(endpoint, method, path string, payload Payload, timeout time.Duration, options []Option) string {
	sending := sending{headers: append(Headers{{"path", path}}, payload.Headers...), lane: c.Self().String()}
	for _, option := range options {
		option(&sending)
	}
	id := endpoint + "/" + sending.lane
	if len(id) > idBytesMax {
		// Two actors with very long names may share a lane: that costs time and nothing else.
		id = strings.ToValidUTF8(id[:idBytesMax], "")
	}
	to := ActorID{Kind: "sys-http", ID: id}
	sent := Sent{To: to, Subject: strings.ToLower(method), Headers: sending.headers, Body: payload.Body, Priority: sending.priority}
	return c.host.Request(sent, timeout, sending.memo)
}

func message(to ActorID, subject string, payload Payload, options []Option) (Sent, []byte) {
	var sending sending
	for _, option := range options {
		option(&sending)
	}
	return Sent{To: to, Subject: subject, Headers: sending.headers, Body: payload.Body, Priority: sending.priority}, sending.memo
}

// Answer answers a message whose turn ended in Later, with the value as JSON. The first answer counts.
func (c *Context) Answer(replyToken string, value any) error {
	payload, err := jsonPayload("answer", value)
	if err != nil {
		return err
	}
	c.host.Answer(replyToken, payload)
	return nil
}

// AnswerBytes is Answer with these bytes and headers.
func (c *Context) AnswerBytes(replyToken string, body []byte, headers ...Header) {
	c.host.Answer(replyToken, Payload{Headers: headers, Body: body})
}

// SetTimer replaces a timer of the same name. It fires as a message with the subject "timer:NAME" and this value as JSON,
// and survives restarts. What becomes of missed times: Schedule.SkipMissed.
func (c *Context) SetTimer(name string, when Schedule, value any) error {
	payload, err := jsonPayload("timer", value)
	if err != nil {
		return err
	}
	c.host.SetTimer(name, when, payload.Body)
	return nil
}

// CancelTimer forgets a timer.
func (c *Context) CancelTimer(name string) { c.host.CancelTimer(name) }

// Delete forgets this actor: its state is gone when the turn ends well, and the next message starts from a fresh value.
// What the actor holds at the end of this turn is not stored.
func (c *Context) Delete() { c.deleted = true }

// Now is the start of this try, the same for the whole turn.
func (c *Context) Now() time.Time { return c.host.Now() }

// Random gives bytes that nobody outside can predict. Another try of the same message sees others.
func (c *Context) Random(length int) []byte { return c.host.Random(length) }

// Config is a setting from [config] in actor.toml.
func (c *Context) Config(key string) (value string, ok bool) { return c.host.Config(key) }

// Log logs a line for this actor. Stays also when the turn fails.
func (c *Context) Log(level Level, format string, values ...any) {
	if len(values) > 0 {
		format = fmt.Sprintf(format, values...)
	}
	c.host.Log(level, format)
}

// Trace logs the finest detail.
func (c *Context) Trace(format string, values ...any) { c.Log(LevelTrace, format, values...) }

// Debug logs for developers.
func (c *Context) Debug(format string, values ...any) { c.Log(LevelDebug, format, values...) }

// Info logs an ordinary event.
func (c *Context) Info(format string, values ...any) { c.Log(LevelInfo, format, values...) }

// Warn logs what heals itself.
func (c *Context) Warn(format string, values ...any) { c.Log(LevelWarn, format, values...) }

// Error logs what somebody must look at.
func (c *Context) Error(format string, values ...any) { c.Log(LevelError, format, values...) }
