package main

import (
	"testing"

	"hydra-sdk/hydra"
	"hydra-sdk/hydratest"
)

func counter() *hydratest.Harness {
	return hydratest.New("{{name}}/alice", func() hydra.Actor { return &Counter{} })
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
	expect(t, counter.Send("add", 7), "12")
	expect(t, counter.Send("get", nil), "12")
}

func TestARefusedMessageChangesNothing(t *testing.T) {
	counter := counter()
	counter.Send("add", 5)
	expect(t, counter.Send("add", "five"), "refused body-does-not-decode")
	expect(t, counter.Send("get", nil), "5")
}
