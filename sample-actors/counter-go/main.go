// Counter is a number that can be added to: the same actor as in the folder counter, in Go.
// Teaches: JSON state, replies, refusing, forgetting an actor, and describing what it understands.
package main

import (
	"math"

	"hydra-sdk/hydra"
)

// Counter is one counter: its fields are the state.
type Counter struct {
	Value int64 `json:"value"`
}

// Handle handles one message.
func (c *Counter) Handle(ctx *hydra.Context, msg *hydra.Message) (hydra.Outcome, error) {
	switch msg.Subject {
	case "add":
		var number int64
		if err := msg.JSON(&number); err != nil {
			return nil, err
		}
		if number > 0 && c.Value > math.MaxInt64-number || number < 0 && c.Value < math.MinInt64-number {
			return hydra.Refuse("overflow", "%d is the value, and the sum does not fit 64 bits", c.Value)
		}
		c.Value += number
		return hydra.Reply(c.Value)
	case "get":
		return hydra.Reply(c.Value)
	case "reset":
		c.Value = 0
		return hydra.Done()
	case "delete":
		ctx.Delete()
		return hydra.Done()
	}
	return hydra.Refuse("unknown-subject", "%s: try add, get, reset, delete", msg.Subject)
}

// Describe says what it understands.
func (c *Counter) Describe() hydra.Description {
	return hydra.Description{
		About: "A number that can be added to.",
		Subjects: []hydra.Subject{
			{Name: "add", About: "Adds a number, replies with the new value.", Body: 5, Reply: 12},
			{Name: "get", About: "Replies with the value.", Reply: 12},
			{Name: "reset", About: "Sets the value to 0."},
			{Name: "delete", About: "Forgets this counter."},
		},
	}
}

func init() { hydra.Export(func() hydra.Actor { return &Counter{} }) }

func main() {}
