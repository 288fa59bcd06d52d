"""Dispatchers in simulated time: order, failures, an hour without the receiver."""

from __future__ import annotations

from datetime import timedelta

import pytest

from enhanced_prompt_service.delivery import Options
from enhanced_prompt_service.delivery.sending import Down, Outcome, Verdict
from enhanced_prompt_service.domain.outbox import (
    Acknowledged,
    Entry,
    EntryFilter,
    OutboxState,
)
from enhanced_prompt_service.storage import Stores

from .kit import EPOCH, destination, outgoing
from .simulated import OPTIONS, FakeReceiver, Simulation

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
RETRY = Outcome(Verdict.RETRY, "HTTP 500")


async def states(stores: Stores) -> dict[str, int]:
    found = await stores.outbox.entries(EntryFilter(), most=100_000)
    return {
        state.value: count
        for state in OutboxState
        if (count := sum(one.state is state for one in found))
    }


async def test_an_hour_without_the_receiver_costs_its_backlog_in_rows_and_nothing_else(
    stores: Stores,
) -> None:
    site = Simulation(stores)
    back_at = 3600.0

    def down(_: Entry) -> Outcome:
        if site.clock.seconds < back_at:
            raise Down("no connection: refused")
        return Outcome(Verdict.DELIVERED)

    numbers = {"reconnect_s": 5.0, "reconnect_most_s": 60.0, "breaker_failures": 5}
    away, there = FakeReceiver(site.clock, down), FakeReceiver(site.clock)
    broken = site.dispatcher(destination("broken", **numbers), away)
    fine = site.dispatcher(destination("fine", **numbers), there)
    written = 0
    async with site.running(broken, fine):
        for minute in range(60):
            messages = [
                outgoing(written + n, to=to, lane=f"lane{n}")
                for n in range(20)
                for to in ("broken", "fine")
            ]
            written += 20
            await stores.outbox.add(messages, site.clock.now())
            await site.pass_by(60)
            assert len(there.arrived) == written  # the other one is not slowed
            assert broken.tally.held <= OPTIONS.window
            if minute == 1:
                assert not broken.tally.alarm
        attempts_while_away = len(away.arrived)
        (noted,) = [one for one in await stores.outbox.noted() if one.name == "broken"]
        assert noted.alarm_at is not None
        assert noted.failures >= 10
        assert broken.tally.alarm
        assert await states(stores) == {"pending": written, "delivered": written}
        await site.pass_by(120)
        assert await states(stores) == {"delivered": 2 * written}
        assert not broken.tally.alarm
    # Trials: one each 10, 20, 40 and then 60 seconds, after the five failures that opened it.
    assert 55 <= attempts_while_away <= 75
    first: dict[int, int] = {}
    for number in away.numbers[attempts_while_away:]:
        first.setdefault(number, len(first))
    for lane in range(20):
        places = [first[number] for number in range(lane, written, 20)]
        assert places == sorted(places)
    alarms = [one for one in site.reports if "ALARM" in one[1] or "alarm" in one[1]]
    assert [name for name, _ in alarms] == ["broken", "broken"]
    log = await stores.audit.read_audit(limit=10_000)
    said = [one.outcome for one in log if "alarm" in one.action]
    assert said == ["OK", "UNAVAILABLE"]


async def test_what_fails_waits_with_its_lane_and_others_go_on(stores: Stores) -> None:
    site = Simulation(stores)
    failing = {1}

    def answer(one: Entry) -> Outcome:
        return RETRY if one.id in failing else Outcome(Verdict.DELIVERED)

    receiver = FakeReceiver(site.clock, answer)
    to = destination(retry_first_s=2.0, retry_most_s=10.0, breaker_failures=100)
    await stores.outbox.add([outgoing(n, lane="ab"[n % 2]) for n in range(1, 9)], EPOCH)
    async with site.running(site.dispatcher(to, receiver)):
        await site.pass_by(30)
        assert [n for n in receiver.numbers if n % 2 == 0] == [2, 4, 6, 8]
        assert {n for n in receiver.numbers if n % 2} == {1}
        assert receiver.numbers.count(1) > 2
        entry = await stores.outbox.entry(1)
        assert entry is not None
        assert (entry.reason, entry.attempts) == ("HTTP 500", receiver.numbers.count(1))
        failing.clear()
        await site.pass_by(20)
    assert [n for n in receiver.numbers if n % 2][-4:] == [1, 3, 5, 7]


async def test_a_receiver_that_wants_to_be_left_alone_is(stores: Stores) -> None:
    site = Simulation(stores)
    busy = Outcome(Verdict.RETRY, "HTTP 429", after_s=100.0, counts=False)
    answers = {1: busy}
    receiver = FakeReceiver(site.clock, lambda one: answers.pop(one.id, Outcome(Verdict.DELIVERED)))
    await stores.outbox.add([outgoing(1, lane="a")], EPOCH)
    async with site.running(site.dispatcher(destination(), receiver)):
        await site.pass_by(10)
        await stores.outbox.add([outgoing(2, lane="b")], site.clock.now())
        await site.pass_by(80)
        assert receiver.numbers == [1]
        await site.pass_by(30)
    assert sorted(receiver.numbers) == [1, 1, 2]
    assert min(at for at, _ in receiver.arrived[1:]) >= 100


async def test_not_more_go_than_the_rate_allows(stores: Stores) -> None:
    site = Simulation(stores)
    receiver = FakeReceiver(site.clock)
    await stores.outbox.add([outgoing(n, lane=f"l{n}") for n in range(40)], EPOCH)
    async with site.running(site.dispatcher(destination(rate=2.0), receiver)):
        await site.pass_by(10)
        assert 20 <= len(receiver.arrived) <= 24
        await site.pass_by(10)
    assert len(receiver.arrived) == 40


async def test_a_missing_acknowledgement_is_asked_for_again_less_and_less_often(
    stores: Stores,
) -> None:
    site = Simulation(stores)
    receiver = FakeReceiver(site.clock, lambda _: Outcome(Verdict.SENT))
    to = destination(kind="notifier", url="ws://127.0.0.1:9", ack_s=30.0, deadline_s=10_000)
    deadline = EPOCH + timedelta(seconds=400)
    notice = {"acknowledged": True, "deadline": deadline}
    await stores.outbox.add([outgoing(n, notification_id=f"n{n}", **notice) for n in (1, 2)], EPOCH)
    dispatcher = site.dispatcher(to, receiver)
    async with site.running(dispatcher):
        await site.pass_by(10)
        assert receiver.numbers == [1, 2]  # nobody waits for the first one's
        dispatcher.heard(Acknowledged("n1", site.clock.now()))
        await site.pass_by(100)
        assert receiver.numbers == [1, 2, 2, 2]
        await site.pass_by(400)
    found = {one.id: one for one in await stores.outbox.entries(EntryFilter())}
    assert (found[1].state, found[1].status) == (OutboxState.DELIVERED, "acknowledged")
    assert found[2].state is OutboxState.PARKED
    assert "deadline" in found[2].reason


async def test_one_bad_insight_of_a_batch_is_parked_and_the_others_are_delivered(
    stores: Stores,
) -> None:
    from enhanced_prompt_service.domain.outbox import MessageKind

    site = Simulation(stores)

    class Batches(FakeReceiver):
        async def send(self, entries):  # type: ignore[no-untyped-def]
            self.arrived += [(site.clock.seconds, one) for one in entries]
            bad = any(one.id == 3 for one in entries)
            outcome = Outcome(Verdict.PARK, "HTTP 422") if bad else Outcome(Verdict.DELIVERED)
            return [outcome] * len(entries)

    kind = MessageKind.PROACTIVE_INSIGHT
    await stores.outbox.add([outgoing(n, lane=f"i{n}", kind=kind) for n in range(1, 6)], EPOCH)
    async with site.running(site.dispatcher(destination(), Batches(site.clock))):
        await site.pass_by(20)
    assert await states(stores) == {"delivered": 4, "parked": 1}


async def test_only_who_holds_the_lease_sends_and_the_next_one_goes_on(stores: Stores) -> None:
    site = Simulation(stores)
    first, second = FakeReceiver(site.clock), FakeReceiver(site.clock)
    options = Options(lease_s=30, poll_s=5.0, gather_s=0)
    one = site.dispatcher(destination(), first, "one", options)
    other = site.dispatcher(destination(), second, "other", options)
    async with site.running(one):
        await site.pass_by(1)
        await stores.outbox.add([outgoing(1)], EPOCH)
        await site.pass_by(10)
        assert await stores.fences.take("delivery/archive", "other", 30) is None
    await stores.outbox.add([outgoing(2)], EPOCH)
    async with site.running(other):
        await site.pass_by(10)
    assert (first.numbers, second.numbers) == ([1], [2])


async def test_what_a_former_holder_has_in_hand_is_not_settled_by_it(stores: Stores) -> None:
    site = Simulation(stores)
    receiver = FakeReceiver(site.clock)
    dispatcher = site.dispatcher(destination(), receiver)
    await stores.outbox.add([outgoing(1)], EPOCH)
    async with site.running(dispatcher):
        await site.pass_by(10)
        assert await states(stores) == {"delivered": 1}
        # Its lease runs out unseen, and another takes over.
        fence = await stores.fences.take("delivery/archive", "me", 0.0)
        assert fence is not None
        assert await stores.fences.take("delivery/archive", "other", 60) is not None
        await stores.outbox.add([outgoing(2)], site.clock.now())
        await site.clock.pass_by(10, 1)
    assert receiver.numbers == [1]
    assert await states(stores) == {"delivered": 1, "pending": 1}
