// The component's exports: from the raw bindings to Message, Context and Outcome, and back. Called by the host, calls turn.go.

//go:build wasip1

package hydra

import (
	"time"

	"hydra-sdk/internal/bindings/exports/export_hydra_actor_handler"
	"hydra-sdk/internal/bindings/exports/export_hydra_actor_lifecycle"
	_ "hydra-sdk/internal/bindings/exports/wit_exports" // the component's exports
	"hydra-sdk/internal/bindings/imports/hydra_actor_types"
	"hydra-sdk/internal/wit/types"
)

// Export makes a component of an actor: once, in func init of package main.
// The end of the raw bindings: what goes further in is Message, Context and Outcome.
func Export(fresh New) {
	// The host calls activated; the message that follows in the same turn acts on it, so that the state is decoded once.
	activated := false
	export_hydra_actor_lifecycle.RunActivated = func() { activated = true }
	export_hydra_actor_handler.Run = func(raw hydra_actor_types.Message) wit_types.Result[hydra_actor_types.Outcome, hydra_actor_types.Failure] {
		collectGarbage()
		first := activated
		activated = false
		return resultOut(RunTurn(sandbox{}, fresh, messageIn(raw), first))
	}
	export_hydra_actor_lifecycle.RunMigrate = func(fromVersion uint32, state []byte) wit_types.Result[[]byte, hydra_actor_types.Fault] {
		migrated, failed := Migrate(fresh, fromVersion, state)
		if failed != nil {
			return wit_types.Err[[]byte](faultOut(failed))
		}
		return wit_types.Ok[[]byte, hydra_actor_types.Fault](migrated)
	}
	export_hydra_actor_lifecycle.RunDescribe = func() string {
		if describer, ok := fresh().(Describer); ok {
			return describer.Describe().JSON()
		}
		return Description{}.JSON()
	}
}

func messageIn(raw hydra_actor_types.Message) *Message {
	msg := &Message{
		ID:         raw.Id,
		Subject:    raw.Subject,
		Headers:    headersIn(raw.Headers),
		Body:       raw.Body,
		AcceptedAt: timeIn(raw.AcceptedAtMs),
		Attempt:    raw.Attempt,
	}
	if raw.Sender.IsSome() {
		sender := ActorID{Kind: raw.Sender.Some().Kind, ID: raw.Sender.Some().Id}
		msg.Sender = &sender
	}
	if raw.ReplyToken.IsSome() {
		msg.ReplyToken = raw.ReplyToken.Some()
	}
	if raw.Answer.IsSome() {
		msg.Answer = answerIn(raw.Answer.Some())
	}
	return msg
}

func answerIn(raw hydra_actor_types.Answer) *Answer {
	answer := &Answer{Token: raw.Token, Memo: raw.Memo, Ending: Ending(raw.Ending.Tag())}
	switch answer.Ending {
	case Refused:
		answer.Code, answer.Text = raw.Ending.Refused().Code, raw.Ending.Refused().Text
	case Failed:
		answer.Code, answer.Text = raw.Ending.Failed().Code, raw.Ending.Failed().Text
	}
	return answer
}

func resultOut(result Result) wit_types.Result[hydra_actor_types.Outcome, hydra_actor_types.Failure] {
	if result.Failure != nil {
		return wit_types.Err[hydra_actor_types.Outcome](failureOut(result.Failure))
	}
	outcome := hydra_actor_types.MakeOutcomeDone()
	switch result.Status {
	case StatusReplied:
		outcome = hydra_actor_types.MakeOutcomeReply(payloadOut(result.Payload))
	case StatusLater:
		outcome = hydra_actor_types.MakeOutcomeLater()
	}
	return wit_types.Ok[hydra_actor_types.Outcome, hydra_actor_types.Failure](outcome)
}

func failureOut(failed *Failure) hydra_actor_types.Failure {
	switch failed.status {
	case StatusRefused:
		return hydra_actor_types.MakeFailureRefuse(faultOut(failed))
	case StatusSuspended:
		return hydra_actor_types.MakeFailureSuspend(faultOut(failed))
	case StatusRetry:
		after := wit_types.None[uint64]()
		if failed.after != nil {
			after = wit_types.Some(millisecondsOut(*failed.after))
		}
		return hydra_actor_types.MakeFailureRetry(hydra_actor_types.Retry{Fault: faultOut(failed), AfterMs: after})
	}
	return hydra_actor_types.MakeFailureFail(faultOut(failed))
}

func faultOut(failed *Failure) hydra_actor_types.Fault {
	return hydra_actor_types.Fault{Code: failed.Code, Text: failed.Text}
}

func payloadOut(payload Payload) hydra_actor_types.Payload {
	return hydra_actor_types.Payload{Headers: headersOut(payload.Headers), Body: payload.Body}
}

func headersIn(raw []wit_types.Tuple2[string, string]) Headers {
	headers := make(Headers, len(raw))
	for index, header := range raw {
		headers[index] = Header{Name: header.F0, Value: header.F1}
	}
	return headers
}

func headersOut(headers Headers) []wit_types.Tuple2[string, string] {
	raw := make([]wit_types.Tuple2[string, string], len(headers))
	for index, header := range headers {
		raw[index] = wit_types.Tuple2[string, string]{F0: header.Name, F1: header.Value}
	}
	return raw
}

func timeIn(ms uint64) time.Time { return time.UnixMilli(int64(ms)).UTC() }

// millisecondsOut rounds up, so that nothing comes too early; a negative time is none.
func millisecondsOut(duration time.Duration) uint64 {
	return uint64(max(0, (duration+time.Millisecond-1)/time.Millisecond))
}
