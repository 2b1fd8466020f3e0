// Package hydratest runs an actor natively, without sandbox and host: `go test` is enough.
//
//	counter := hydratest.New("counter/alice", func() hydra.Actor { return &Counter{} })
//	turn := counter.Send("add", 5)
//
// It calls the same code as the sandbox does, and applies effects as the host does: all of a turn's, or none. Time stands
// still until the test moves it; randomness is the same in every run. Nothing is delivered by itself but timers and
// time-outs in Advance: what an actor sends is in the Turn, for the test to look at or to deliver.
// Not checked here, because the host does it: grants and limits of actor.toml, the grammar of names and headers.
package hydratest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"hydra-sdk/hydra"
)

// advanceTurnsMax bounds the timers that fire in one Advance: a timer that sets itself anew would fire for ever.
const advanceTurnsMax = 100_000

// Harness is one actor under test.
type Harness struct {
	// Now is the host's clock.
	Now time.Time
	// Config is [config] of actor.toml.
	Config map[string]string
	// Seed chooses another run of randomness.
	Seed uint64

	fresh    hydra.New
	self     hydra.ActorID
	state    []byte
	stored   bool
	messages uint64
	asleep   bool
	failNext bool
	last     hydra.Message
	timers   map[string]timer
	requests map[string]request
}

type timer struct {
	due   time.Time
	every time.Duration
	cron  bool
	body  []byte
}

type request struct {
	due  time.Time
	memo []byte
}

// Turn is what one turn did. Everything but Logs is empty when it failed.
type Turn struct {
	hydra.Result
	// Lost is true when FailNext took the turn's effects: the message comes again with Retry.
	Lost bool
	// Panic is what the actor panicked with; in the sandbox that is a trap.
	Panic any
	// Sends are the messages to other actors, in order.
	Sends []hydra.Sent
	// Requests are those that an answer is awaited for, in order.
	Requests []Request
	// Answers are those to messages of earlier turns, in order.
	Answers []Answer
	// Timers are those that were set, by name; Cancelled are the names of those that were cancelled.
	Timers    map[string]hydra.Schedule
	Cancelled []string
	// Logs are the log lines, in order.
	Logs []Log
	// StateChanged says whether it wrote or deleted the state.
	StateChanged bool
}

// Request is a message that a turn sent and awaits an answer for.
type Request struct {
	hydra.Sent
	Token   string
	Memo    []byte
	Timeout time.Duration
}

// Answer is one to a message of an earlier turn.
type Answer struct {
	Token string
	hydra.Payload
}

// Log is a log line.
type Log struct {
	Level hydra.Level
	Text  string
}

// New makes an actor KIND/ID without state, at a fixed time.
func New(actor string, fresh hydra.New) *Harness {
	return &Harness{
		Now:      time.UnixMilli(1_700_000_000_000).UTC(),
		Config:   map[string]string{},
		fresh:    fresh,
		self:     hydra.ParseActor(actor),
		timers:   map[string]timer{},
		requests: map[string]request{},
	}
}

// Send sends a JSON body from outside, and runs the turn. A body that cannot be JSON panics: it is the test's.
func (h *Harness) Send(subject string, body any) Turn {
	return h.Deliver(hydra.Message{Subject: subject, Body: mustJSON(body)})
}

// Deliver runs the turn of this message; what it leaves empty (id, time, attempt) is filled in.
func (h *Harness) Deliver(msg hydra.Message) Turn {
	h.messages++
	if msg.ID == "" {
		msg.ID = fmt.Sprintf("test:%d", h.messages)
	}
	if msg.AcceptedAt.IsZero() {
		msg.AcceptedAt = h.Now
	}
	msg.Attempt = max(msg.Attempt, 1)
	h.last = msg
	if msg.Answer != nil {
		delete(h.requests, msg.Answer.Token)
	}
	host := &simulated{harness: h, state: h.state, stored: h.stored, turn: Turn{Timers: map[string]hydra.Schedule{}}}
	turn := host.run(&msg, h.asleep || !h.stored)
	if h.failNext {
		h.failNext = false
		return Turn{Result: turn.Result, Lost: true, Logs: turn.Logs}
	}
	if turn.Failure != nil || turn.Panic != nil {
		return Turn{Result: turn.Result, Panic: turn.Panic, Logs: turn.Logs}
	}
	h.asleep = false
	h.apply(host)
	return turn
}

func (h *Harness) apply(host *simulated) {
	if host.turn.StateChanged {
		h.state, h.stored = host.state, host.stored
		if !h.stored {
			clear(h.timers)
		}
	}
	for _, name := range host.turn.Cancelled {
		delete(h.timers, name)
	}
	for name, timer := range host.timers {
		h.timers[name] = timer
	}
	for _, sent := range host.turn.Requests {
		h.requests[sent.Token] = request{due: h.Now.Add(sent.Timeout), memo: sent.Memo}
	}
}

// FailNext lets the next turn be lost as if the host crashed before it stored it: its effects are dropped.
func (h *Harness) FailNext() { h.failNext = true }

// Retry delivers the last message again, as the host does after a crash or a retry.
func (h *Harness) Retry() Turn {
	again := h.last
	again.Attempt++
	return h.Deliver(again)
}

// Advance moves the clock and fires what is due, in order: timers, and time-outs of requests. Cron timers do not fire by
// themselves: use Fire.
func (h *Harness) Advance(by time.Duration) []Turn {
	end := h.Now.Add(by)
	var turns []Turn
	for len(turns) < advanceTurnsMax {
		name, token, due := h.next()
		if name == "" && token == "" || due.After(end) {
			break
		}
		h.Now = later(h.Now, due)
		if name != "" {
			turns = append(turns, h.Fire(name))
		} else {
			turns = append(turns, h.EndRequest(token, hydra.Answer{Ending: hydra.TimedOut}, nil))
		}
	}
	h.Now = end
	return turns
}

// next is what is due first; equal times go by name, so that every run is the same.
func (h *Harness) next() (name, token string, due time.Time) {
	for _, candidate := range slices.Sorted(maps.Keys(h.timers)) {
		if timer := h.timers[candidate]; !timer.cron && (due.IsZero() || timer.due.Before(due)) {
			name, due = candidate, timer.due
		}
	}
	for _, candidate := range slices.Sorted(maps.Keys(h.requests)) {
		if request := h.requests[candidate]; due.IsZero() || request.due.Before(due) {
			name, token, due = "", candidate, request.due
		}
	}
	return name, token, due
}

// Fire fires a timer now, whether or not it is due. A timer that is not set panics: it is the test's mistake.
func (h *Harness) Fire(name string) Turn {
	timer, ok := h.timers[name]
	if !ok {
		panic(fmt.Sprintf("no timer %q is set; there are %q", name, slices.Sorted(maps.Keys(h.timers))))
	}
	var missed int64
	switch {
	case timer.every > 0:
		missed = int64(max(0, h.Now.Sub(timer.due)) / timer.every)
		timer.due = timer.due.Add(timer.every * time.Duration(missed+1))
		h.timers[name] = timer
	case !timer.cron:
		delete(h.timers, name)
	}
	headers := hydra.Headers{{Name: "hydra-missed", Value: strconv.FormatInt(missed, 10)}}
	return h.Deliver(hydra.Message{Subject: "timer:" + name, Headers: headers, Body: timer.body})
}

// Timers are the names of the timers that are set, in order.
func (h *Harness) Timers() []string { return slices.Sorted(maps.Keys(h.timers)) }

// Reply ends a request with this value as JSON, and runs the turn of the answer.
func (h *Harness) Reply(token string, value any) Turn {
	return h.EndRequest(token, hydra.Answer{Ending: hydra.Replied}, mustJSON(value))
}

// AnswerCall answers a call with this status and body, and runs the turn of the answer.
func (h *Harness) AnswerCall(token string, status int, body []byte) Turn {
	headers := hydra.Headers{{Name: "status", Value: strconv.Itoa(status)}}
	return h.endRequest(token, hydra.Answer{Ending: hydra.Replied}, headers, body)
}

// EndRequest ends a request in any way. A request that is not waiting panics: it is the test's mistake.
func (h *Harness) EndRequest(token string, answer hydra.Answer, body []byte) Turn {
	return h.endRequest(token, answer, nil, body)
}

func (h *Harness) endRequest(token string, answer hydra.Answer, headers hydra.Headers, body []byte) Turn {
	waiting, ok := h.requests[token]
	if !ok {
		panic(fmt.Sprintf("no request %q is waiting; there are %q", token, slices.Sorted(maps.Keys(h.requests))))
	}
	answer.Token, answer.Memo = token, waiting.memo
	return h.Deliver(hydra.Message{Subject: "answer:", Headers: headers, Body: body, Answer: &answer})
}

// State is the stored bytes; nil for an actor that is new or deleted.
func (h *Harness) State() []byte {
	if !h.stored {
		return nil
	}
	return h.state
}

// SetState stores these bytes, as another version or an operator might have done; nil: none.
func (h *Harness) SetState(state []byte) { h.state, h.stored = state, state != nil }

// Migrate migrates the stored bytes as the host does after state_version in actor.toml was raised.
func (h *Harness) Migrate(fromVersion uint32) error {
	if !h.stored {
		return nil
	}
	migrated, failure := hydra.Migrate(h.fresh, fromVersion, h.state)
	if failure != nil {
		return failure
	}
	h.state = migrated
	return nil
}

// Sleep puts the actor to sleep: its next turn begins with Activated.
func (h *Harness) Sleep() { h.asleep = true }

// Code is the code of the failure, or "".
func (t Turn) Code() string {
	if t.Failure == nil {
		return ""
	}
	return t.Failure.Code
}

// JSON reads the reply. The error says what there is instead.
func (t Turn) JSON(into any) error {
	if t.Status != hydra.StatusReplied {
		return fmt.Errorf("no reply, but %s: %v %v", t.Status, t.Failure, t.Panic)
	}
	return json.Unmarshal(t.Payload.Body, into)
}

// Text is the reply as text, or what there is instead: for comparing in a test.
func (t Turn) Text() string {
	switch {
	case t.Panic != nil:
		return fmt.Sprintf("panic: %v", t.Panic)
	case t.Status == hydra.StatusReplied:
		return string(t.Payload.Body)
	case t.Failure != nil:
		return string(t.Status) + " " + t.Failure.Code
	}
	return string(t.Status)
}

func later(one, other time.Time) time.Time {
	if one.After(other) {
		return one
	}
	return other
}

func mustJSON(value any) []byte {
	body, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("the test's body is no JSON: %v", err))
	}
	return body
}
