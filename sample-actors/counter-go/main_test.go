// The counter, natively: what every counter does, in whatever language.

package main

import (
	"math"
	"testing"

	"hydra-sdk/hydra"
	"hydra-sdk/hydratest"
)

func counter() *hydratest.Harness {
	return hydratest.New("counter-go/alice", func() hydra.Actor { return &Counter{} })
}

func expect(t *testing.T, turn hydratest.Turn, want string) {
	t.Helper()
	if turn.Text() != want {
		t.Errorf("got %s, want %s", turn.Text(), want)
	}
}

func TestItAddsAndKeepsTheSum(t *testing.T) {
	counter := counter()
	expect(t, counter.Send("add", 5), "5")
	expect(t, counter.Send("add", -7), "-2")
	expect(t, counter.Send("get", nil), "-2")
	if state := string(counter.State()); state != `{"value":-2}` {
		t.Error(state)
	}
}

func TestReadingANewCounterDoesNotCreateIt(t *testing.T) {
	counter := counter()
	expect(t, counter.Send("get", nil), "0")
	expect(t, counter.Send("reset", nil), "done")
	if counter.State() != nil {
		t.Errorf("%s", counter.State())
	}
}

func TestASumThatDoesNotFitIsRefused(t *testing.T) {
	for _, edge := range []struct{ start, more int64 }{{math.MaxInt64, 1}, {math.MinInt64, -1}} {
		counter := counter()
		counter.Send("add", edge.start)
		before := string(counter.State())
		expect(t, counter.Send("add", edge.more), "refused overflow")
		if string(counter.State()) != before {
			t.Errorf("%s", counter.State())
		}
	}
}

func TestResetKeepsTheActorAndDeleteForgetsIt(t *testing.T) {
	counter := counter()
	counter.Send("add", 5)
	expect(t, counter.Send("reset", nil), "done")
	if string(counter.State()) != `{"value":0}` {
		t.Errorf("%s", counter.State())
	}
	expect(t, counter.Send("delete", nil), "done")
	if counter.State() != nil {
		t.Errorf("%s", counter.State())
	}
}

func TestWhatItDoesNotUnderstandIsRefused(t *testing.T) {
	counter := counter()
	expect(t, counter.Send("multiply", 2), "refused unknown-subject")
	expect(t, counter.Send("add", "five"), "refused body-does-not-decode")
	expect(t, counter.Send("add", nil), "refused body-does-not-decode")
}
