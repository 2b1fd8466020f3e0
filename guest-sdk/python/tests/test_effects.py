"""Timers, requests and later answers, as the harness shows them."""

from dataclasses import dataclass, field

import pytest
from hydra_sdk import Actor, Context, Fault, Message, Outcome, done, handles, later, reply
from hydra_sdk.testing import Harness


@dataclass
class Desk:
    waiting: list[str] = field(default_factory=list)
    fired: list[str] = field(default_factory=list)


class Clerk(Actor[Desk]):
    """Asks the stock, and answers later."""

    @handles("order")
    def order(self, ctx: Context, msg: Message, item: str) -> Outcome:
        if msg.reply_token is None:
            return done()
        ctx.request("stock/main", "take", item, timeout_ms=500, memo={"token": msg.reply_token})
        self.state.waiting.append(msg.reply_token)
        return later()

    @handles("answer:")
    def answered(self, ctx: Context, msg: Message) -> None:
        assert msg.answer is not None
        token = Message("", "memo", msg.answer.memo).json(dict[str, str])["token"]
        self.state.waiting.remove(token)
        fault = None if msg.answer.fault is None else msg.answer.fault.code
        ctx.answer(token, {"ending": msg.answer.ending, "fault": fault, "says": msg.text()})

    @handles("set")
    def set(self, ctx: Context) -> None:
        ctx.set_timer("once", {"n": 1}, after_ms=100)
        ctx.set_timer("at", at_ms=ctx.now_ms + 250)
        ctx.set_timer("tick", every_ms=1_000)
        ctx.set_timer("daily", cron="0 9 * * *", timezone="Europe/Berlin", missed="skip")

    @handles("cancel")
    def cancel(self, ctx: Context, name: str) -> None:
        ctx.cancel_timer(name)

    @handles("delete")
    def delete(self, ctx: Context) -> None:
        ctx.delete()

    @handles("endless")
    @handles("timer:endless")
    def endless(self, ctx: Context) -> None:
        ctx.set_timer("endless", after_ms=0)

    @handles("both")
    def both(self, ctx: Context) -> None:
        ctx.set_timer("wrong", after_ms=1, every_ms=1_000)

    def handle(self, ctx: Context, msg: Message) -> Outcome:
        if msg.subject.startswith("timer:") and msg.subject != "timer:endless":
            self.state.fired.append(f"{msg.subject} {msg.text()} {ctx.now_ms % 100_000}")
            return done()
        return super().handle(ctx, msg)


@pytest.fixture
def desk() -> Harness:
    return Harness(Clerk, "clerk/1")


def test_an_answer_comes_back_and_the_caller_is_answered_later(desk: Harness) -> None:
    turn = desk.ask("order", "tea")
    assert turn.outcome == later()
    (request,) = turn.requests
    assert (str(request.to), request.subject, request.json()) == ("stock/main", "take", "tea")
    answered = desk.answer(request, b"taken")
    ((token, payload),) = answered.answers
    assert token == turn.message.reply_token
    assert payload == reply({"ending": "replied", "fault": None, "says": "taken"}).payload
    assert desk.open_requests == {}
    with pytest.raises(AssertionError, match="no open request"):
        desk.answer(request)


def test_a_refused_request_says_why(desk: Harness) -> None:
    (request,) = desk.ask("order", "tea").requests
    turn = desk.answer(request, ending="refused", fault=Fault("sold-out", "no tea"))
    assert b'"ending":"refused","fault":"sold-out"' in turn.answers[0][1].body


def test_requests_time_out_as_time_passes(desk: Harness) -> None:
    desk.ask("order", "tea")
    desk.advance(499)
    assert len(desk.open_requests) == 1
    (turn,) = desk.advance(1)
    assert b'"ending":"timed-out"' in turn.answers[0][1].body
    assert desk.open_requests == {}


def test_timers_fire_in_order_as_time_passes(desk: Harness) -> None:
    desk.send("set")
    assert sorted(desk.timers) == ["at", "daily", "once", "tick"]
    start = desk.now_ms
    turns = desk.advance(2_500)
    assert [turn.message.subject for turn in turns] == ["timer:once", "timer:at", "timer:tick", "timer:tick"]
    assert [turn.message.accepted_at_ms - start for turn in turns] == [100, 250, 1_000, 2_000]
    assert turns[0].message.body == b'{"n":1}'
    assert desk.now_ms == start + 2_500
    assert sorted(desk.timers) == ["daily", "tick"]


def test_a_timer_can_be_fired_and_cancelled(desk: Harness) -> None:
    desk.send("set")
    desk.fire("daily")
    desk.fire("daily")
    desk.fire("once")
    with pytest.raises(AssertionError, match="no timer once; set are: at, tick, daily"):
        desk.fire("once")
    desk.send("cancel", "tick")
    desk.send("cancel", "nothing")
    assert "tick" not in desk.timers


def test_missed_times_are_told_once(desk: Harness) -> None:
    desk.send("set")
    assert (desk.timers["tick"].when.missed, desk.timers["daily"].when.missed) == ("fire-once", "skip")
    desk.now_ms += 3_500
    message = desk.fire("tick").message
    assert (message.timer, message.missed) == ("tick", 2)
    assert desk.timers["tick"].due_ms == desk.now_ms + 500


def test_a_deleted_actor_has_no_timers(desk: Harness) -> None:
    desk.send("set")
    desk.send("delete")
    assert (desk.timers, desk.state) == ({}, None)


def test_a_timer_has_one_time(desk: Harness) -> None:
    with pytest.raises(TypeError, match="exactly one"):
        desk.send("both")


def test_time_does_not_pass_for_ever(desk: Harness) -> None:
    desk.send("endless")
    with pytest.raises(AssertionError, match="10000 turns in 1 ms"):
        desk.advance(1)


def test_what_an_actor_sends_can_be_delivered() -> None:
    sent = Harness(Clerk, "clerk/1").ask("order", "tea").requests[0]

    class Stock(Actor[None]):
        def handle(self, ctx: Context, msg: Message) -> Outcome:
            return reply([str(msg.sender), msg.json(str)])

    assert Harness(Stock, sent.to).deliver(sent, "clerk/1").reply() == ["clerk/1", "tea"]


class Payer(Actor[list[str]]):
    """Pays somebody outside."""

    @handles("pay")
    def pay(self, ctx: Context, lane: str | None) -> None:
        ctx.http("payments", "POST", "/v1/charges", {"cents": 5}, headers=[("x-a", "b")], lane=lane)

    @handles("answer:")
    def answered(self, msg: Message) -> None:
        self.state.append(f"{msg.status} {msg.text()}")


def test_a_call_is_a_request_to_the_hosts_connector() -> None:
    payer = Harness(Payer, "payer/7")
    (call,) = payer.ask("pay", None).requests
    assert (str(call.to), call.subject, call.json()) == ("sys-http/payments/payer/7", "post", {"cents": 5})
    assert list(call.headers) == [("path", "/v1/charges"), ("content-type", "application/json"), ("x-a", "b")]
    payer.answer(call, b"no money", headers=[("status", "402")])
    (call,) = payer.ask("pay", "x").requests
    assert call.to.id == "payments/x"
    payer.answer(call, ending="failed", fault=Fault("unreachable", ""))
    assert payer.state == b'["402 no money","None "]'
    long = Harness(Payer, "payer/" + "\u00f6" * 128)
    (call,) = long.ask("pay", None).requests
    assert len(call.to.id.encode()) <= 256
