// Conformance does on demand all that an actor can do, as its siblings in other languages do; ../../conformance says what
// that is. Deployed by tests only.
package main

import (
	"bytes"
	"errors"
	"strings"
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
	return c.waitAsAsked(ctx, msg)
}

func (c *Conformance) waitAsAsked(ctx *hydra.Context, msg *hydra.Message) (hydra.Outcome, error) {
	if name, ok := msg.Timer(); ok {
		return tell(ctx, []any{name, string(msg.Body), msg.Missed(), ctx.Now().UnixMilli()})
	}
	if msg.Answer != nil {
		endings := [...]string{"replied", "done", "refused", "failed", "timed-out"}
		told := []any{endings[msg.Answer.Ending], msg.Answer.Code, string(msg.Body)}
		if err := ctx.Answer(string(msg.Answer.Memo), told); err != nil {
			return nil, err
		}
		return tell(ctx, told)
	}
	switch msg.Subject {
	case "timers":
		if err := ctx.SetTimer("gone", hydra.After(time.Second), nil); err != nil {
			return nil, err
		}
		ctx.CancelTimer("gone")
		return nil, errors.Join(
			ctx.SetTimer("once", hydra.After(2*time.Second), "tea"),
			ctx.SetTimer("tick", hydra.Every(10*time.Second), 10),
			ctx.SetTimer("nightly", hydra.Cron("0 3 * * *", "Europe/Berlin").SkipMissed(), 3),
		)
	case "cancel":
		ctx.CancelTimer("tick")
		return hydra.Done()
	case "relay":
		return relay(ctx, msg)
	case "wait":
		return hydra.Later()
	case "answer":
		return nil, ctx.Answer(string(msg.Body), 1)
	case "told":
		return hydra.Done()
	}
	return c.failAsAsked(ctx, msg)
}

// relay asks another actor on behalf of whoever asks this one; the memo is all that it keeps of it.
func relay(ctx *hydra.Context, msg *hydra.Message) (hydra.Outcome, error) {
	if msg.ReplyToken == "" {
		return hydra.Refuse("nobody-waits", "ask, do not send")
	}
	to, subject, _ := strings.Cut(string(msg.Body), " ")
	ctx.RequestBytes(hydra.ParseActor(to), subject, nil, 5*time.Second, hydra.WithMemo([]byte(msg.ReplyToken)))
	return hydra.Later()
}

func tell(ctx *hydra.Context, told []any) (hydra.Outcome, error) {
	return nil, ctx.Send(hydra.ActorID{Kind: "conformance", ID: "log"}, "told", told)
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
