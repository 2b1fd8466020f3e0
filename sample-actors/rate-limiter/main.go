// A rate limiter: one actor per client, a bucket of tokens that refills with time.
// Teaches: time from the host (ctx.Now, so that every try of a message sees one clock), settings from actor.toml, and why
// an actor suits this: one client's messages are handled one at a time, so nobody takes the same token twice, and no lock is
// needed. Never waits: a client that has to is told for how long.
package main

import (
	"strconv"
	"time"

	"hydra-sdk/hydra"
)

const (
	// perToken is the unit of the bucket: what a token is worth, so that no rounding loses a part of one.
	perToken = 1_000_000
	// rateMax bounds tokens per second, and the bucket's size.
	rateMax = 1_000_000
)

// Limiter is the bucket of one client.
type Limiter struct {
	// Level is what the bucket holds, in millionths of a token.
	Level int64 `json:"level"`
	// At is when it held that much; zero: a new client, whose bucket is full.
	At time.Time `json:"at,omitzero"`
	// Own limits of this client; nil: those of actor.toml.
	Own *Limits `json:"own,omitempty"`
}

// Limits say how much a client may take.
type Limits struct {
	// Burst is the bucket's size in tokens.
	Burst int64 `json:"burst"`
	// PerSecond is how many tokens come back in a second.
	PerSecond int64 `json:"per_second"`
}

// Take asks for tokens.
type Take struct {
	// Cost is how many; 1 if it is left out.
	Cost int64 `json:"cost,omitempty"`
}

// Verdict is the answer to Take.
type Verdict struct {
	Allowed bool `json:"allowed"`
	// Left is the whole tokens that are left.
	Left int64 `json:"left"`
	// RetryAfterMs is when enough tokens will be there; 0 when allowed.
	RetryAfterMs int64 `json:"retry_after_ms"`
}

// Handle handles one message.
func (l *Limiter) Handle(ctx *hydra.Context, msg *hydra.Message) (hydra.Outcome, error) {
	limits, err := l.limits(ctx)
	if err != nil {
		return nil, err
	}
	switch msg.Subject {
	case "take":
		take := Take{Cost: 1}
		if len(msg.Body) > 0 {
			if err := msg.JSON(&take); err != nil {
				return nil, err
			}
		}
		if take.Cost < 1 || take.Cost > limits.Burst {
			return hydra.Refuse("cost", "%d tokens at once: 1 to %d can be had", take.Cost, limits.Burst)
		}
		return hydra.Reply(l.take(ctx.Now(), limits, take.Cost))
	case "peek":
		return hydra.Reply(l.filled(ctx.Now(), limits) / perToken)
	case "limit":
		var own Limits
		if err := msg.JSON(&own); err != nil {
			return nil, err
		}
		if !own.valid() {
			return hydra.Refuse("limits", "burst and per_second are 1 to %d", rateMax)
		}
		l.Level, l.At = min(l.filled(ctx.Now(), limits), own.Burst*perToken), ctx.Now()
		l.Own = &own
		return hydra.Done()
	}
	return hydra.Refuse("unknown-subject", "%s: try take, peek, limit", msg.Subject)
}

// take takes tokens if there are enough.
func (l *Limiter) take(now time.Time, limits Limits, cost int64) Verdict {
	level := l.filled(now, limits)
	wanted := cost * perToken
	if level < wanted {
		// A millisecond brings per_second * 1,000 millionths; rounded up, so that whoever waits does not come in vain.
		perMs := limits.PerSecond * perToken / 1_000
		return Verdict{Left: level / perToken, RetryAfterMs: (wanted - level + perMs - 1) / perMs}
	}
	l.Level, l.At = level-wanted, now
	return Verdict{Allowed: true, Left: l.Level / perToken}
}

// filled is what the bucket holds by now. A clock that went back fills nothing.
func (l *Limiter) filled(now time.Time, limits Limits) int64 {
	full := limits.Burst * perToken
	if l.At.IsZero() {
		return full
	}
	waited := max(0, now.Sub(l.At).Microseconds())
	// What is full stays full, however long ago.
	if waited >= (full-min(full, l.Level))/limits.PerSecond {
		return full
	}
	return min(full, l.Level+waited*limits.PerSecond)
}

// limits are the client's own, or those of actor.toml. A setting that is no number stops the actor: a human must mend it.
func (l *Limiter) limits(ctx *hydra.Context) (Limits, error) {
	if l.Own != nil {
		return *l.Own, nil
	}
	limits := Limits{Burst: 10, PerSecond: 5}
	for key, limit := range map[string]*int64{"burst": &limits.Burst, "per_second": &limits.PerSecond} {
		text, ok := ctx.Config(key)
		if !ok {
			continue
		}
		value, err := strconv.ParseInt(text, 10, 64)
		if err != nil || value < 1 || value > rateMax {
			_, err := hydra.Suspend("setting", "config.%s is %q in actor.toml: 1 to %d", key, text, rateMax)
			return Limits{}, err
		}
		*limit = value
	}
	return limits, nil
}

func (l Limits) valid() bool {
	return l.Burst >= 1 && l.Burst <= rateMax && l.PerSecond >= 1 && l.PerSecond <= rateMax
}

// Describe says what it understands.
func (l *Limiter) Describe() hydra.Description {
	return hydra.Description{
		About: "A client's bucket of tokens, which refills with time.",
		Subjects: []hydra.Subject{
			{Name: "take", About: "Takes tokens, if there are enough.", Body: Take{Cost: 1}, Reply: Verdict{Allowed: true, Left: 9}},
			{Name: "peek", About: "Replies with the tokens that are there.", Reply: 10},
			{Name: "limit", About: "Gives this client limits of its own.", Body: Limits{Burst: 100, PerSecond: 50}},
		},
	}
}

func init() { hydra.Export(func() hydra.Actor { return &Limiter{} }) }

func main() {}
