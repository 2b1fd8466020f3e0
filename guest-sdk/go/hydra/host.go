// The border between a turn and the world, in plain types: what a sandbox offers, and what a test simulates.

package hydra

import "time"

// Host is what a turn asks of the world. In the sandbox it is the component's imports; hydratest has one that tests look into.
// Authors use Context.
type Host interface {
	Self() ActorID
	Log(level Level, text string)
	Now() time.Time
	Random(length int) []byte
	Config(key string) (value string, ok bool)
	State() (state []byte, ok bool)
	SetState(state []byte)
	DeleteState()
	Send(sent Sent)
	Request(sent Sent, timeout time.Duration, memo []byte) (token string)
	Answer(token string, answer Payload)
	SetTimer(name string, when Schedule, body []byte)
	CancelTimer(name string)
}

// Level says how bad a log line is.
type Level uint8

// The levels: the finest; for developers; ordinary events; heals itself; somebody must act.
const (
	LevelTrace Level = iota
	LevelDebug
	LevelInfo
	LevelWarn
	LevelError
)

// Priority says how soon the receiver gets its turn among other actors; its own messages keep their order.
type Priority uint8

// The priorities.
const (
	PriorityNormal Priority = iota
	PriorityHigh
	PriorityLow
)

// Sent is a message on its way out.
type Sent struct {
	To       ActorID
	Subject  string
	Headers  Headers
	Body     []byte
	Priority Priority
}

// Schedule says when a timer fires. Made by At, After, Every and Cron; exactly one of their fields is set.
type Schedule struct {
	At           time.Time
	After, Every time.Duration
	Cron, Zone   string
	// Missed says what becomes of times that nobody could tell of, because no host ran or the actor was suspended.
	Missed Missed
}

// Missed is what becomes of missed times.
type Missed uint8

// One message for all of them, whose Missed counts the further ones; or none, for a timer that repeats and is told more than
// ten seconds late.
const (
	FireOnce Missed = iota
	Skip
)

// At fires once at this time.
func At(when time.Time) Schedule { return Schedule{At: when} }

// After fires once after this time.
func After(wait time.Duration) Schedule { return Schedule{After: wait} }

// Every fires again and again; one second at least.
func Every(interval time.Duration) Schedule { return Schedule{Every: interval} }

// Cron fires when the five fields say, or six with the second in front, in an IANA time zone, for example "0 9 * * MON-FRI"
// in "Europe/Berlin".
func Cron(fields, zone string) Schedule { return Schedule{Cron: fields, Zone: zone} }

// SkipMissed is the same schedule without telling of missed times.
func (s Schedule) SkipMissed() Schedule {
	s.Missed = Skip
	return s
}
