// Conformance does on demand all that an actor can do, as its siblings in other languages do; ../../conformance says what
// that is. Deployed by tests only.
package main

import (
	"bytes"
	"time"

	"hydra-sdk/hydra"
)

// Conformance counts.
type Conformance struct {
	Count uint64 `json:"count"`
}

// Handle handles one message.
func (c *Conformance) Handle(ctx *hydra.Context, msg *hydra.Message) (hydra.Outcome, error) {
	switch msg.Subject {
	case "count":
		c.Count++
		return hydra.Reply(c.Count)
	case "get":
		return hydra.Reply(c.Count)
	case "delete":
		ctx.Delete()
		return hydra.Done()
	case "echo":
		return hydra.ReplyBytes(msg.Body, msg.Headers...)
	case "large":
		var size int
		if err := msg.JSON(&size); err != nil {
			return nil, err
		}
		return hydra.ReplyBytes(bytes.Repeat([]byte("x"), size), hydra.Header{Name: "content-type", Value: "text/plain"})
	case "about":
		greeting, _ := ctx.Config("greeting")
		return hydra.Reply([]any{ctx.Self().String(), ctx.Now().UnixMilli(), msg.Attempt, greeting})
	case "sender":
		if msg.Sender == nil {
			return hydra.Reply(nil)
		}
		return hydra.Reply(msg.Sender.String())
	case "send":
		text, err := msg.Text()
		if err != nil {
			return nil, err
		}
		to := hydra.ParseActor(text)
		ctx.SendBytes(to, "count", nil)
		if err := ctx.Send(to, "note", "grüße 🐉"); err != nil {
			return nil, err
		}
		ctx.SendBytes(to, "echo", []byte{0, 255, 10}, hydra.WithHeader("x-order", "3"))
		return hydra.Done()
	case "log":
		text, err := msg.Text()
		if err != nil {
			return nil, err
		}
		ctx.Info("%s", text)
		return hydra.Done()
	}
	return c.failAsAsked(ctx, msg)
}

// failAsAsked never ends well, and leaves traces first.
func (c *Conformance) failAsAsked(ctx *hydra.Context, msg *hydra.Message) (hydra.Outcome, error) {
	c.Count += 1_000
	ctx.SendBytes(ctx.Self(), "count", nil)
	switch msg.Subject {
	case "refuse":
		return hydra.Refuse("as-told", "so be it: ü")
	case "fail":
		return hydra.Fail("as-told", "so be it: ü")
	case "suspend":
		return hydra.Suspend("as-told", "so be it: ü")
	case "retry":
		if msg.Attempt > 2 {
			c.Count -= 1_000
			return hydra.Reply(msg.Attempt)
		}
		return hydra.RetryAfter(time.Millisecond, "not-yet", "once more")
	case "trap":
		panic("as asked")
	case "loop":
		for {
		}
	case "allocate":
		var kept [][]byte
		for {
			kept = append(kept, bytes.Repeat([]byte{1}, 1<<16))
		}
	}
	return hydra.Refuse("unknown-subject", "%s: see guest-sdk/conformance", msg.Subject)
}

// Describe says what it is.
func (c *Conformance) Describe() hydra.Description {
	return hydra.Description{About: "Does on demand all that an actor can do."}
}

func init() { hydra.Export(func() hydra.Actor { return &Conformance{} }) }

func main() {}
