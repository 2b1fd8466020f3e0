// Package hydra is for writing actors for Hydra in Go. An actor is a type with state; a message goes in, an outcome comes out:
//
//	type Counter struct {
//		Value int64 `json:"value"`
//	}
//
//	func (c *Counter) Handle(ctx *hydra.Context, msg *hydra.Message) (hydra.Outcome, error) {
//		switch msg.Subject {
//		case "add":
//			var n int64
//			if err := msg.JSON(&n); err != nil {
//				return nil, err
//			}
//			c.Value += n
//			return hydra.Reply(c.Value)
//		case "get":
//			return hydra.Reply(c.Value)
//		}
//		return hydra.Refuse("unknown-subject", "%s: try add, get", msg.Subject)
//	}
//
//	func init() { hydra.Export(func() hydra.Actor { return &Counter{} }) }
//	func main() {}
//
// The host decodes the state before a turn and stores it after: what is not in the state is gone. A turn that fails,
// panics or runs out of time leaves nothing behind: no state, no message sent. Package hydratest runs actors natively.
//
// Reading order, a message's way: export_wasm.go (the component's exports), turn.go (decode, handle, encode), actor.go
// with message.go, context.go and outcome.go (what an author sees), host.go and host_wasm.go (the imports).
package hydra

// Actor is what an author implements: its exported fields are the state, as JSON; a fresh value is a new actor.
// Keep nothing elsewhere: package variables may be gone at the next message.
type Actor interface {
	// Handle handles one message. An error drops all that the turn did: changes of the state, sends, timers.
	// An error that is no *Failure ends the turn as Fail does, with the code "error".
	Handle(ctx *Context, msg *Message) (Outcome, error)
}

// Activator is an Actor that wants to know when it was created or slept.
type Activator interface {
	// Activated runs before the first message after that, as part of the same turn.
	// An actor that has stored no state is new at every turn.
	Activated(ctx *Context)
}

// Migrator is an Actor whose state was once written in another shape.
type Migrator interface {
	// Migrate turns state written under an older state_version of actor.toml into today's bytes. It is called on a fresh
	// value. An error suspends the actor: its messages wait until a version is deployed that can read the state.
	Migrate(fromVersion uint32, state []byte) ([]byte, error)
}

// Describer is an Actor that says what it understands.
type Describer interface {
	// Describe is called on a fresh value. Shown to whoever wants to talk to the actor.
	Describe() Description
}

// Codec is an Actor whose state is not JSON.
type Codec interface {
	// EncodeState gives the bytes to store. Equal state should give equal bytes: only changed bytes are written.
	// An error ends the turn as Fail does, with the code "state-does-not-encode".
	EncodeState() ([]byte, error)
	// DecodeState reads stored bytes into a fresh value. An error suspends the actor with the code "state-does-not-decode".
	DecodeState(state []byte) error
}

// New makes a fresh actor, before its state is read.
type New func() Actor
