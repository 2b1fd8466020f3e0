// The host in the sandbox: each method is one import.

//go:build wasip1

package hydra

import (
	"time"

	"hydra-sdk/internal/bindings/imports/hydra_actor_messaging"
	"hydra-sdk/internal/bindings/imports/hydra_actor_runtime"
	"hydra-sdk/internal/bindings/imports/hydra_actor_state"
	"hydra-sdk/internal/bindings/imports/hydra_actor_timers"
	"hydra-sdk/internal/bindings/imports/hydra_actor_types"
	"hydra-sdk/internal/wit/types"
)

// sandbox is the host behind the component's imports. An import that the host denies ends the turn there: nothing here fails.
type sandbox struct{}

func (sandbox) Self() ActorID {
	self := hydra_actor_runtime.Self()
	return ActorID{Kind: self.Kind, ID: self.Id}
}

func (sandbox) Log(level Level, text string) { hydra_actor_runtime.Log(uint8(level), text) }

func (sandbox) Now() time.Time { return timeIn(hydra_actor_runtime.NowMs()) }

func (sandbox) Random(length int) []byte { return hydra_actor_runtime.Random(uint32(length)) }

func (sandbox) Config(key string) (string, bool) { return option(hydra_actor_runtime.Config(key)) }

func (sandbox) State() ([]byte, bool) { return option(hydra_actor_state.Get()) }

func (sandbox) SetState(state []byte) { hydra_actor_state.Set(state) }

func (sandbox) DeleteState() { hydra_actor_state.Delete() }

func (sandbox) Send(sent Sent) {
	hydra_actor_messaging.Send(actorOut(sent.To), sent.Subject, sent.Body, optionsOut(sent))
}

func (sandbox) Request(sent Sent, timeout time.Duration, memo []byte) string {
	timeoutMs := millisecondsOut(timeout)
	return hydra_actor_messaging.Request(actorOut(sent.To), sent.Subject, sent.Body, timeoutMs, memo, optionsOut(sent))
}

func (sandbox) Answer(token string, answer Payload) {
	hydra_actor_messaging.Answer(token, payloadOut(answer))
}

func (sandbox) SetTimer(name string, when Schedule, body []byte) {
	hydra_actor_timers.Set(name, scheduleOut(when), body, uint8(when.Missed))
}

func (sandbox) CancelTimer(name string) { hydra_actor_timers.Cancel(name) }

func option[T any](raw wit_types.Option[T]) (value T, ok bool) {
	if raw.IsSome() {
		return raw.Some(), true
	}
	return value, false
}

func actorOut(actor ActorID) hydra_actor_types.ActorId {
	return hydra_actor_types.ActorId{Kind: actor.Kind, Id: actor.ID}
}

func optionsOut(sent Sent) wit_types.Option[hydra_actor_messaging.Options] {
	if len(sent.Headers) == 0 && sent.Priority == PriorityNormal {
		return wit_types.None[hydra_actor_messaging.Options]()
	}
	return wit_types.Some(hydra_actor_messaging.Options{Headers: headersOut(sent.Headers), Priority: uint8(sent.Priority)})
}

func scheduleOut(when Schedule) hydra_actor_timers.Schedule {
	switch {
	case when.Cron != "":
		return hydra_actor_timers.MakeScheduleCron(wit_types.Tuple2[string, string]{F0: when.Cron, F1: when.Zone})
	case when.Every != 0:
		return hydra_actor_timers.MakeScheduleEveryMs(millisecondsOut(when.Every))
	case !when.At.IsZero():
		return hydra_actor_timers.MakeScheduleAtMs(uint64(max(0, when.At.UnixMilli())))
	}
	return hydra_actor_timers.MakeScheduleAfterMs(millisecondsOut(when.After))
}
