// What an author may rely on: turns that leave all of their effects or none, time that stands still, timers, requests.

package hydratest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"hydra-sdk/hydra"
	"hydra-sdk/hydratest"
)

// probe does what a test asks for: its behaviour is a function, its state is what that function writes.
type probe struct {
	Count  int    `json:"count"`
	Note   string `json:"note,omitempty"`
	handle func(*probe, *hydra.Context, *hydra.Message) (hydra.Outcome, error)
	woken  *int
}

func (p *probe) Handle(ctx *hydra.Context, msg *hydra.Message) (hydra.Outcome, error) {
	return p.handle(p, ctx, msg)
}

func (p *probe) Activated(*hydra.Context) {
	if p.woken != nil {
		*p.woken++
	}
}

func (p *probe) Migrate(fromVersion uint32, state []byte) ([]byte, error) {
	if fromVersion > 1 {
		return nil, errors.New("from the future")
	}
	return fmt.Appendf(nil, `{"count":%s}`, state), nil
}

func harness(handle func(*probe, *hydra.Context, *hydra.Message) (hydra.Outcome, error)) *hydratest.Harness {
	return hydratest.New("probe/1", func() hydra.Actor { return &probe{handle: handle} })
}

func same(t *testing.T, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestStateIsWrittenOnlyWhenItChanges(t *testing.T) {
	h := harness(func(p *probe, _ *hydra.Context, msg *hydra.Message) (hydra.Outcome, error) {
		p.Count += len(msg.Body) - len("0")
		return hydra.Reply(p.Count)
	})
	if turn := h.Send("read", 0); turn.StateChanged || h.State() != nil {
		t.Error("a message that only reads created the actor")
	}
	same(t, h.Send("write", 10).Text(), "1")
	same(t, string(h.State()), `{"count":1}`)
	if h.Send("read", 0).StateChanged {
		t.Error("the same state was written again")
	}
}

func TestAFailureDropsEverythingButLogs(t *testing.T) {
	h := harness(func(p *probe, ctx *hydra.Context, msg *hydra.Message) (hydra.Outcome, error) {
		p.Count++
		ctx.Info("seen %s", msg.Subject)
		if err := ctx.Send(ctx.Self(), "x", 1); err != nil {
			return nil, err
		}
		switch msg.Subject {
		case "refuse":
			return hydra.Refuse("no", "not %s", "you")
		case "suspend":
			return hydra.Suspend("stop", "now")
		case "retry":
			return hydra.RetryAfter(time.Minute, "later", "not yet")
		case "plain":
			return nil, fmt.Errorf("wrapped: %w", errors.New("broken 100%"))
		case "wrapped":
			_, err := hydra.Refuse("no", "inner")
			return nil, fmt.Errorf("outer: %w", err)
		case "panic":
			panic("at the disco")
		}
		return nil, nil
	})
	for subject, want := range map[string]string{
		"refuse": "refused no", "suspend": "suspended stop", "retry": "retry later", "plain": "failed error",
		"wrapped": "refused no", "panic": "panic: at the disco",
	} {
		turn := h.Send(subject, nil)
		same(t, turn.Text(), want)
		if len(turn.Sends) != 0 || len(turn.Logs) != 1 || h.State() != nil {
			t.Errorf("%s left something: %+v", subject, turn)
		}
	}
	turn := h.Send("ok", nil)
	same(t, turn.Text(), "done")
	same(t, turn.Sends[0].To, "probe/1")
}

func TestALostTurnComesAgain(t *testing.T) {
	h := harness(func(p *probe, _ *hydra.Context, msg *hydra.Message) (hydra.Outcome, error) {
		p.Count++
		return hydra.Reply([]any{p.Count, msg.Attempt, msg.ID})
	})
	h.FailNext()
	if turn := h.Send("x", nil); !turn.Lost || h.State() != nil {
		t.Errorf("%+v", turn)
	}
	same(t, h.Retry().Text(), `[1,2,"test:1"]`)
}

func TestTimersFireInOrderOfTime(t *testing.T) {
	var fired []string
	h := harness(func(p *probe, ctx *hydra.Context, msg *hydra.Message) (hydra.Outcome, error) {
		if name, ok := msg.Timer(); ok {
			fired = append(fired, fmt.Sprintf("%s@%s %s", name, ctx.Now().Format("05"), msg.Body))
			return hydra.Done()
		}
		ctx.SetTimer("b", hydra.After(2*time.Second), "two")
		ctx.SetTimer("a", hydra.At(ctx.Now().Add(time.Second)), "one")
		ctx.SetTimer("c", hydra.Every(3*time.Second), nil)
		ctx.SetTimer("gone", hydra.After(time.Second), nil)
		ctx.CancelTimer("gone")
		ctx.SetTimer("night", hydra.Cron("0 3 * * *", "UTC"), nil)
		return hydra.Done()
	})
	h.Now = time.Unix(0, 0).UTC()
	h.Send("start", nil)
	h.Advance(7 * time.Second)
	same(t, fired, `[a@01 "one" b@02 "two" c@03 null c@06 null]`)
	same(t, h.Timers(), "[c night]")
	same(t, h.Fire("night").Text(), "done")
}

func TestMissedTimesAreToldOnce(t *testing.T) {
	h := harness(func(_ *probe, ctx *hydra.Context, msg *hydra.Message) (hydra.Outcome, error) {
		if _, ok := msg.Timer(); ok {
			return hydra.Reply(msg.Missed())
		}
		return nil, ctx.SetTimer("tick", hydra.Every(time.Second).SkipMissed(), nil)
	})
	same(t, h.Send("start", nil).Timers["tick"].Missed, hydra.Skip)
	h.Now = h.Now.Add(3500 * time.Millisecond)
	same(t, h.Fire("tick").Text(), "2")
	same(t, len(h.Advance(500*time.Millisecond)), 1)
}

func TestRequestsEndOnce(t *testing.T) {
	h := harness(func(p *probe, ctx *hydra.Context, msg *hydra.Message) (hydra.Outcome, error) {
		switch {
		case msg.Answer != nil:
			return hydra.Reply(fmt.Sprintf("%d %s %s %s", msg.Answer.Ending, msg.Answer.Memo, msg.Body, msg.Answer.Code))
		case msg.ReplyToken != "":
			return hydra.Later()
		}
		_, err := ctx.Request(hydra.ActorID{Kind: "other", ID: "1"}, "ask", 1, time.Second, hydra.WithMemo([]byte("memo")))
		ctx.AnswerBytes("token", []byte("late"))
		return nil, err
	})
	token := func() string { return h.Send("ask", nil).Requests[0].Token }
	same(t, h.Reply(token(), 7).Text(), `"0 memo 7 "`)
	refused := hydra.Answer{Ending: hydra.Refused, Code: "no"}
	same(t, h.EndRequest(token(), refused, nil).Text(), `"2 memo  no"`)
	h.Send("ask", nil)
	turns := h.Advance(time.Minute)
	same(t, len(turns), 1)
	same(t, turns[0].Text(), `"4 memo  "`)
	same(t, h.Deliver(hydra.Message{Subject: "x", ReplyToken: "t"}).Text(), "later")
}

func TestACallIsARequestToTheHostsConnector(t *testing.T) {
	h := harness(func(p *probe, ctx *hydra.Context, msg *hydra.Message) (hydra.Outcome, error) {
		if msg.Answer != nil {
			return hydra.Reply(fmt.Sprintf("%d %s", msg.Status(), msg.Body))
		}
		_, err := ctx.HTTP("payments", "POST", "/v1/charges", 5, time.Minute, hydra.WithHeader("x-a", "b"))
		ctx.HTTPBytes("payments", "get", "/", nil, time.Minute, hydra.WithLane(strings.Repeat("\u00f6", 200)))
		return nil, err
	})
	calls := h.Send("pay", nil).Requests
	same(t, calls[0].To.Kind+" "+calls[0].Subject+" "+string(calls[0].Body), "sys-http post 5")
	same(t, fmt.Sprint(calls[0].Headers), "[{path /v1/charges} {content-type application/json} {x-a b}]")
	same(t, strings.HasPrefix(calls[0].To.ID, "payments/"), true)
	same(t, len(calls[1].To.ID) <= 256, true)
	same(t, h.AnswerCall(calls[0].Token, 402, []byte("no money")).Text(), `"402 no money"`)
	failed := hydra.Answer{Ending: hydra.Failed, Code: "unreachable"}
	same(t, h.EndRequest(calls[1].Token, failed, nil).Text(), `"0 "`)
}

func TestStateThatDoesNotDecodeSuspends(t *testing.T) {
	h := harness(nil)
	h.SetState([]byte("7"))
	same(t, h.Send("x", nil).Text(), "suspended state-does-not-decode")
	if err := h.Migrate(2); err == nil || string(h.State()) != "7" {
		t.Error("a migration that failed changed the state")
	}
	if err := h.Migrate(1); err != nil {
		t.Error(err)
	}
	same(t, string(h.State()), `{"count":7}`)
}

func TestActivatedRunsAfterCreationAndSleep(t *testing.T) {
	woken := 0
	h := hydratest.New("probe/1", func() hydra.Actor {
		return &probe{woken: &woken, handle: func(p *probe, _ *hydra.Context, _ *hydra.Message) (hydra.Outcome, error) {
			p.Count++
			return nil, nil
		}}
	})
	h.Send("x", nil)
	h.Send("x", nil)
	h.Sleep()
	h.Send("x", nil)
	same(t, woken, 2)
}

func TestBodiesAreCheckedAgainstTheirType(t *testing.T) {
	h := harness(func(_ *probe, _ *hydra.Context, msg *hydra.Message) (hydra.Outcome, error) {
		if msg.Subject == "text" {
			text, err := msg.Text()
			if err != nil {
				return nil, err
			}
			return hydra.ReplyBytes([]byte(text), hydra.Header{Name: "content-type", Value: "text/plain"})
		}
		var number int64
		if err := msg.JSON(&number); err != nil {
			return nil, err
		}
		return hydra.Reply(number)
	})
	for body, want := range map[string]string{
		"5": "5", "null": "refused body-does-not-decode", "": "refused body-does-not-decode",
		`"5"`: "refused body-does-not-decode", "5 6": "refused body-does-not-decode",
	} {
		same(t, h.Deliver(hydra.Message{Subject: "json", Body: []byte(body)}).Text(), want)
	}
	same(t, h.Deliver(hydra.Message{Subject: "text", Body: []byte("\xff")}).Text(), "refused body-does-not-decode")
	same(t, h.Deliver(hydra.Message{Subject: "text", Body: []byte("€")}).Text(), "€")
}

func TestRandomnessIsTheSameInEveryRun(t *testing.T) {
	handle := func(_ *probe, ctx *hydra.Context, _ *hydra.Message) (hydra.Outcome, error) {
		return hydra.Reply(ctx.Random(9))
	}
	one, other := harness(handle), harness(handle)
	first := one.Send("x", nil).Text()
	same(t, other.Send("x", nil).Text(), first)
	if one.Send("x", nil).Text() == first {
		t.Error("the same twice")
	}
}

func TestADescriptionIsMadeOfTheAuthorsTypes(t *testing.T) {
	type line struct {
		Item  string    `json:"item"`
		Price float64   `json:"price"`
		When  time.Time `json:"when"`
		Marks []bool    `json:"marks,omitempty"`
		Next  *line     `json:"next"`
		Extra map[string]uint8
		inner int
	}
	text := hydra.Description{About: "Lines.", Subjects: []hydra.Subject{{Name: "add", Body: line{}, Reply: "<x>"}}}.JSON()
	var said struct {
		SDK      string
		Subjects []struct {
			Body struct {
				Schema struct {
					Properties map[string]map[string]any
					Required   []string
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(text), &said); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(said.SDK, "hydra-sdk-go/") || !strings.Contains(text, "<x>") {
		t.Error(text)
	}
	schema := said.Subjects[0].Body.Schema
	same(t, schema.Required, "[item price when Extra]")
	same(t, schema.Properties["when"]["format"], "date-time")
	same(t, schema.Properties["next"]["type"], "object")
	same(t, len(schema.Properties), 6)
}
