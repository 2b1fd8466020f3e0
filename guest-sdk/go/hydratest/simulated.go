// The host in a native test: settings go in, effects come out, nothing happens by itself.

package hydratest

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"hydra-sdk/hydra"
)

// simulated is the host of one turn: settings come from the harness, effects go into the turn; the harness applies them if
// the turn ended well.
type simulated struct {
	harness *Harness
	state   []byte
	stored  bool
	draws   uint64
	timers  map[string]timer
	turn    Turn
}

func (s *simulated) run(msg *hydra.Message, activated bool) (turn Turn) {
	defer func() {
		turn = s.turn
		if reason := recover(); reason != nil {
			turn.Panic = reason
			turn.Status = "panicked"
		}
	}()
	s.turn.Result = hydra.RunTurn(s, s.harness.fresh, msg, activated)
	return s.turn
}

func (s *simulated) Self() hydra.ActorID { return s.harness.self }

func (s *simulated) Log(level hydra.Level, text string) {
	s.turn.Logs = append(s.turn.Logs, Log{level, text})
}

func (s *simulated) Now() time.Time { return s.harness.Now }

func (s *simulated) Random(length int) []byte {
	random := make([]byte, 0, length+8)
	for len(random) < length {
		s.draws++
		random = binary.LittleEndian.AppendUint64(random, scramble(s.harness.Seed*31+s.harness.messages, s.draws))
	}
	return random[:length]
}

func (s *simulated) Config(key string) (string, bool) {
	value, ok := s.harness.Config[key]
	return value, ok
}

func (s *simulated) State() ([]byte, bool) { return slices.Clone(s.state), s.stored }

func (s *simulated) SetState(state []byte) {
	s.state, s.stored, s.turn.StateChanged = slices.Clone(state), true, true
}

func (s *simulated) DeleteState() { s.state, s.stored, s.turn.StateChanged = nil, false, true }

func (s *simulated) Send(sent hydra.Sent) { s.turn.Sends = append(s.turn.Sends, copied(sent)) }

func (s *simulated) Request(sent hydra.Sent, timeout time.Duration, memo []byte) string {
	token := fmt.Sprintf("request:%d:%d", s.harness.messages, len(s.turn.Requests)+1)
	s.turn.Requests = append(s.turn.Requests, Request{copied(sent), token, slices.Clone(memo), timeout})
	return token
}

func (s *simulated) Answer(token string, answer hydra.Payload) {
	s.turn.Answers = append(s.turn.Answers, Answer{token, answer})
}

func (s *simulated) SetTimer(name string, when hydra.Schedule, body []byte) {
	if s.timers == nil {
		s.timers = map[string]timer{}
	}
	set := timer{every: when.Every, cron: when.Cron != "", body: slices.Clone(body)}
	switch {
	case when.Every > 0:
		set.due = s.harness.Now.Add(when.Every)
	case !when.At.IsZero():
		set.due = when.At
	default:
		set.due = s.harness.Now.Add(when.After)
	}
	s.timers[name] = set
	s.turn.Timers[name] = when
}

func (s *simulated) CancelTimer(name string) {
	delete(s.timers, name)
	delete(s.turn.Timers, name)
	s.turn.Cancelled = append(s.turn.Cancelled, name)
}

// copied: an actor may go on using its bytes.
func copied(sent hydra.Sent) hydra.Sent {
	sent.Body, sent.Headers = slices.Clone(sent.Body), slices.Clone(sent.Headers)
	return sent
}

// scramble is the draw-th number of a seed (splitmix64): equal in every run, different for every draw.
func scramble(seed, draw uint64) uint64 {
	mixed := seed + draw*0x9E37_79B9_7F4A_7C15
	mixed = (mixed ^ mixed>>30) * 0xBF58_476D_1CE4_E5B9
	mixed = (mixed ^ mixed>>27) * 0x94D0_49BB_1331_11EB
	return mixed ^ mixed>>31
}
