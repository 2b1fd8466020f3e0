// One turn: state in, message handled, state out. Called by export_wasm.go and hydratest, calls the author's Actor.

package hydra

import (
	"bytes"
	"encoding/json"
)

// Result is how one turn ended.
type Result struct {
	Status Status
	// Payload is the reply, when there is one.
	Payload Payload
	// Failure is why it failed; nil when it ended well.
	Failure *Failure
}

// RunTurn handles one message: state in, message handled, state out; activated when it is the first since the actor was
// created or slept. The same code in the sandbox and in a test; authors use hydratest.
// Never writes state that did not change, and never after a failure.
func RunTurn(host Host, fresh New, msg *Message, activated bool) Result {
	outcome, err := runTurn(&Context{host: host}, fresh, msg, activated)
	if err != nil {
		failed := asFailure(err)
		return Result{Status: failed.status, Failure: failed}
	}
	switch outcome := outcome.(type) {
	case replied:
		return Result{Status: StatusReplied, Payload: outcome.payload}
	case later:
		return Result{Status: StatusLater}
	}
	return Result{Status: StatusDone}
}

func runTurn(ctx *Context, fresh New, msg *Message, activated bool) (Outcome, error) {
	actor := fresh()
	before, stored := ctx.host.State()
	if stored {
		if err := decode(actor, before); err != nil {
			return Suspend("state-does-not-decode", "%d bytes of state do not decode: %s; deploy a version that can read it, "+
				"or raise state_version and migrate", len(before), err)
		}
	} else {
		// A message that only reads a new actor must not create it, so the state of a new one counts as stored.
		encoded, err := encode(actor)
		if err != nil {
			return nil, err
		}
		before = encoded
	}
	if activator, ok := actor.(Activator); ok && activated {
		activator.Activated(ctx)
	}
	outcome, err := actor.Handle(ctx, msg)
	if err != nil {
		return nil, err
	}
	if ctx.deleted {
		ctx.host.DeleteState()
		return outcome, nil
	}
	after, err := encode(actor)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(before, after) {
		ctx.host.SetState(after)
	}
	return outcome, nil
}

// Migrate runs the actor's own Migrate, if it has one. Authors use hydratest.
func Migrate(fresh New, fromVersion uint32, state []byte) ([]byte, *Failure) {
	migrator, ok := fresh().(Migrator)
	if !ok {
		return state, nil
	}
	migrated, err := migrator.Migrate(fromVersion, state)
	if err != nil {
		failed := asFailure(err)
		return nil, failed
	}
	return migrated, nil
}

func decode(actor Actor, state []byte) error {
	if codec, ok := actor.(Codec); ok {
		return codec.DecodeState(state)
	}
	return json.Unmarshal(state, actor)
}

func encode(actor Actor) ([]byte, error) {
	encoded, err := encodeState(actor)
	if err != nil {
		return nil, failure(fail, "state-does-not-encode", "the state does not encode: %s", err)
	}
	return encoded, nil
}

func encodeState(actor Actor) ([]byte, error) {
	if codec, ok := actor.(Codec); ok {
		return codec.EncodeState()
	}
	return toJSON(actor)
}
