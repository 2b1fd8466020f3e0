// A number that can be added to. Make it yours: the exported fields are the state, Handle is what it does.
package main

import "hydra-sdk/hydra"

// Counter is one counter. A fresh value is a new one; what is not in here is gone after the turn.
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
		c.Value += number
		ctx.Info("%s is now %d", ctx.Self(), c.Value)
		return hydra.Reply(c.Value)
	case "get":
		return hydra.Reply(c.Value)
	}
	return hydra.Refuse("unknown-subject", "%s: try add, get", msg.Subject)
}

// Describe says what it understands.
func (c *Counter) Describe() hydra.Description {
	return hydra.Description{
		About: "A number that can be added to.",
		Subjects: []hydra.Subject{
			{Name: "add", About: "Adds a number, replies with the new value.", Body: 5, Reply: 12},
			{Name: "get", About: "Replies with the value.", Reply: 12},
		},
	}
}

func init() { hydra.Export(func() hydra.Actor { return &Counter{} }) }

func main() {}
