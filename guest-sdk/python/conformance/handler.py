"""Does on demand all that an actor can do, as its siblings in other languages do; `../../conformance` says what.

Deployed by tests only.
"""

from dataclasses import dataclass

from hydra_sdk import Actor, Context, Message, Outcome, done, fail, later, refuse, reply, retry, suspend


@dataclass
class State:
    """How often it was counted."""

    count: int = 0


class Conformance(Actor[State]):
    """Does on demand all that an actor can do."""

    def handle(self, ctx: Context, msg: Message) -> Outcome:
        match msg.subject:
            case "count":
                self.state.count += 1
                return reply(self.state.count)
            case "get":
                return reply(self.state.count)
            case "delete":
                ctx.delete()
                return done()
            case "echo":
                return reply(msg.body, msg.headers)
            case "large":
                return reply(b"x" * msg.json(int), {"content-type": "text/plain"})
            case "about":
                return reply([str(ctx.actor), ctx.now_ms, msg.attempt, ctx.config("greeting")])
            case "sender":
                return reply(None if msg.sender is None else str(msg.sender))
            case "send":
                to = msg.text()
                ctx.send(to, "count")
                ctx.send(to, "note", "grüße 🐉")
                ctx.send(to, "echo", b"\x00\xff\n", {"x-order": "3"})
                return done()
            case "log":
                ctx.info(msg.text())
                return done()
        return self.wait_as_asked(ctx, msg)

    def wait_as_asked(self, ctx: Context, msg: Message) -> Outcome:
        """Sets timers and makes requests, and tells what became of them."""
        if msg.timer is not None:
            return tell(ctx, [msg.timer, msg.text(), msg.missed, ctx.now_ms])
        if msg.answer is not None:
            code = "" if msg.answer.fault is None else msg.answer.fault.code
            told = [msg.answer.ending, code, msg.text()]
            ctx.answer(msg.answer.memo.decode(), told)
            return tell(ctx, told)
        match msg.subject:
            case "timers":
                ctx.set_timer("once", "tea", after_ms=2_000)
                ctx.set_timer("tick", 10, every_ms=10_000)
                ctx.set_timer("nightly", 3, cron="0 3 * * *", timezone="Europe/Berlin", missed="skip")
                ctx.set_timer("gone", after_ms=1_000)
                ctx.cancel_timer("gone")
                return done()
            case "cancel":
                ctx.cancel_timer("tick")
                return done()
            case "relay":
                # The memo is all that it keeps of whoever asks it.
                if msg.reply_token is None:
                    raise refuse("nobody-waits", "ask, do not send")
                to, _, subject = msg.text().partition(" ")
                ctx.request(to, subject, timeout_ms=5_000, memo=msg.reply_token.encode())
                return later()
            case "wait":
                return later()
            case "answer":
                ctx.answer(msg.text(), 1)
                return done()
            case "told":
                return done()
        return self.fail_as_asked(ctx, msg)

    def fail_as_asked(self, ctx: Context, msg: Message) -> Outcome:
        """Never ends well, and leaves traces first."""
        self.state.count += 1_000
        ctx.send(ctx.actor, "count")
        match msg.subject:
            case "refuse":
                raise refuse("as-told", "so be it: ü")
            case "fail":
                raise fail("as-told", "so be it: ü")
            case "suspend":
                raise suspend("as-told", "so be it: ü")
            case "retry" if msg.attempt > 2:
                self.state.count -= 1_000
                return reply(msg.attempt)
            case "retry":
                raise retry("not-yet", "once more", after_ms=1)
            case "trap":
                raise RuntimeError("as asked")
            case "loop":
                while True:
                    pass
            case "allocate":
                kept = []
                while True:
                    kept.append(bytearray(1 << 16))
        raise refuse("unknown-subject", f"{msg.subject}: see guest-sdk/conformance")


def tell(ctx: Context, told: list[object]) -> Outcome:
    """Says it where a test sees it."""
    ctx.send("conformance/log", "told", told)
    return done()
