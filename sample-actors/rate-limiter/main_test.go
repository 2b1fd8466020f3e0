// The rate limiter, natively, with a clock that the test moves.

package main

import (
	"testing"
	"time"

	"hydra-sdk/hydra"
	"hydra-sdk/hydratest"
)

func limiter() *hydratest.Harness {
	return hydratest.New("rate-limiter/alice", func() hydra.Actor { return &Limiter{} })
}

func take(t *testing.T, limiter *hydratest.Harness, cost int64) Verdict {
	t.Helper()
	var verdict Verdict
	if err := limiter.Send("take", Take{Cost: cost}).JSON(&verdict); err != nil {
		t.Fatal(err)
	}
	return verdict
}

func TestABurstIsAllowedAndThenTimeMustPass(t *testing.T) {
	limiter := limiter()
	for left := int64(9); left >= 0; left-- {
		if verdict := take(t, limiter, 1); verdict != (Verdict{Allowed: true, Left: left}) {
			t.Fatalf("%d: %+v", left, verdict)
		}
	}
	refused := take(t, limiter, 1)
	if refused != (Verdict{RetryAfterMs: 200}) {
		t.Fatalf("%+v", refused)
	}
	limiter.Advance(199 * time.Millisecond)
	if take(t, limiter, 1).Allowed {
		t.Error("too early")
	}
	limiter.Advance(time.Millisecond)
	if !take(t, limiter, 1).Allowed {
		t.Error("it waited in vain")
	}
}

func TestTheBucketNeverHoldsMoreThanABurst(t *testing.T) {
	limiter := limiter()
	take(t, limiter, 10)
	limiter.Advance(100 * 365 * 24 * time.Hour)
	if verdict := take(t, limiter, 10); !verdict.Allowed || verdict.Left != 0 {
		t.Errorf("%+v", verdict)
	}
	limiter.Now = limiter.Now.Add(-time.Hour)
	if take(t, limiter, 1).Allowed {
		t.Error("a clock that went back filled the bucket")
	}
}

func TestLimitsComeFromSettingsOrTheClientsOwn(t *testing.T) {
	limiter := limiter()
	limiter.Config["burst"] = "3"
	if left := limiter.Send("peek", nil).Text(); left != "3" {
		t.Error(left)
	}
	limiter.Send("limit", Limits{Burst: 2, PerSecond: 1})
	if left := limiter.Send("peek", nil).Text(); left != "2" {
		t.Error(left)
	}
	if turn := limiter.Send("limit", Limits{Burst: 0, PerSecond: 1}); turn.Code() != "limits" {
		t.Error(turn.Text())
	}
}

func TestMistakesAreTold(t *testing.T) {
	limiter := limiter()
	for want, turn := range map[string]hydratest.Turn{
		"refused cost":            limiter.Send("take", Take{Cost: 11}),
		"refused unknown-subject": limiter.Send("give", nil),
	} {
		if turn.Text() != want {
			t.Errorf("got %s, want %s", turn.Text(), want)
		}
	}
	limiter.Config["per_second"] = "many"
	if turn := limiter.Send("take", Take{Cost: 1}); turn.Text() != "suspended setting" {
		t.Error(turn.Text())
	}
}

func TestManyMessagesNeverGiveMoreThanTheRate(t *testing.T) {
	limiter := limiter()
	allowed := 0
	for range 20_000 {
		if take(t, limiter, 1).Allowed {
			allowed++
		}
		limiter.Advance(10 * time.Millisecond)
	}
	// 200 seconds at 5 a second, and the first burst.
	if allowed < 1_005 || allowed > 1_010 {
		t.Error(allowed)
	}
}
