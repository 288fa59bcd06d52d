"""What is in memory: bounded, in order by lane, and never more than the beginning of one."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from enhanced_prompt_service.delivery.window import Packing, Window
from enhanced_prompt_service.domain.outbox import Entry, MessageKind

from .kit import EPOCH, entry

LATER = EPOCH + timedelta(seconds=10)
INSIGHT = {"kind": MessageKind.PROACTIVE_INSIGHT}


def numbers(batches: list[list[Entry]]) -> list[list[int]]:
    return [[one.id for one in batch] for batch in batches]


def test_a_lane_has_one_entry_under_way_and_lanes_do_not_wait_for_each_other() -> None:
    window = Window(Packing())
    window.add([entry(1, lane="a"), entry(2, lane="a"), entry(3, lane="b")], EPOCH)
    batches = window.take(5, EPOCH)
    assert numbers(batches) == [[1], [3]]
    assert window.take(5, EPOCH) == []
    window.ended(batches[0][0])
    assert numbers(window.take(5, EPOCH)) == [[2]]


def test_what_waits_keeps_its_lane_waiting_and_the_rest_of_it_is_let_go_of() -> None:
    window = Window(Packing())
    window.add([entry(1, lane="a"), entry(2, lane="a"), entry(3, lane="a")], EPOCH)
    ((first,),) = window.take(5, EPOCH)
    window.wait(first, LATER)
    assert set(window.held) == {1}
    held, lanes = window.reading()
    assert (held, lanes) == ({1}, {"a"})
    assert window.take(5, EPOCH) == []
    assert window.due_s(EPOCH) == 10
    assert numbers(window.take(5, LATER)) == [[1]]


def test_what_was_read_before_its_lane_began_to_wait_is_not_taken_for_its_beginning() -> None:
    window = Window(Packing())
    window.add([entry(1, lane="a"), entry(2, lane="a")], EPOCH)
    ((first,),) = window.take(1, EPOCH)
    window.reading()  # a read begins: it will bring 3
    window.wait(first, EPOCH)  # 2 is let go of
    ((first,),) = window.take(1, EPOCH)
    window.ended(first)
    window.release(1)
    window.add([entry(3, lane="a")], EPOCH)
    assert window.take(1, EPOCH) == []
    window.reading()
    window.add([entry(2, lane="a"), entry(3, lane="a")], EPOCH)
    assert numbers(window.take(1, EPOCH)) == [[2]]


def test_insights_wait_for_each_other_until_they_are_many_or_one_is_old() -> None:
    window = Window(Packing(insights=3, wait=timedelta(seconds=10)))
    window.add([entry(1, lane="a", **INSIGHT), entry(2, lane="b", **INSIGHT)], EPOCH)
    assert window.take(5, EPOCH) == []
    assert window.due_s(EPOCH) == 10
    window.add([entry(3, lane="talk"), entry(4, lane="a", **INSIGHT)], EPOCH)
    assert sorted(numbers(window.take(5, EPOCH))) == [[1, 4, 2], [3]]
    window.add([entry(5, lane="c", **INSIGHT)], EPOCH)
    assert numbers(window.take(5, LATER)) == [[5]]


def test_after_a_batch_was_refused_each_of_it_goes_by_itself() -> None:
    window = Window(Packing(insights=3))
    window.add([entry(n, lane=f"l{n}", **INSIGHT) for n in range(1, 4)], EPOCH)
    (batch,) = window.take(5, EPOCH)
    window.back(batch, alone=True)
    assert numbers(window.take(5, EPOCH)) == [[1], [2], [3]]


def test_one_connection_takes_several_of_a_lane_in_order() -> None:
    window = Window(Packing(any=10))
    window.add([entry(1, lane="a"), entry(2, lane="b"), entry(3, lane="a")], EPOCH)
    (batch,) = window.take(1, EPOCH)
    assert [one.id for one in batch if one.message.lane == "a"] == [1, 3]
    window.back(batch)
    (again,) = window.take(1, EPOCH)
    assert [one.id for one in again if one.message.lane == "a"] == [1, 3]


class Model:
    """An outbox of which a window is fed, and in which nobody overtakes."""

    def __init__(self, lanes: list[int], most: int) -> None:
        self.owed = [entry(n + 1, lane=f"lane{lane}") for n, lane in enumerate(lanes)]
        self.window = Window(Packing(), most)
        self.under_way: list[Entry] = []
        self.sent: list[Entry] = []
        self.now = EPOCH

    def read(self) -> None:
        held, lanes = self.window.reading()
        found = [o for o in self.owed if o.id not in held and o.message.lane not in lanes]
        self.window.add(found[: self.window.room], self.now)
        assert self.window.room >= 0

    def step(self, what: int) -> None:
        self.now += timedelta(seconds=1)
        if what == 0 or not self.under_way:
            self.read()
            self.under_way += [b[0] for b in self.window.take(3, self.now)]
            return
        one = self.under_way.pop(what % len(self.under_way))
        if what % 3 == 1:
            self.window.wait(one, self.now + timedelta(seconds=what % 5))
        elif what % 3 == 2:
            self.window.back([one])
        else:
            self.sent.append(one)
            self.owed.remove(next(o for o in self.owed if o.id == one.id))
            self.window.ended(one)
            self.window.release(one.id)


@given(
    st.lists(st.integers(0, 4), max_size=40),
    st.lists(st.integers(0, 30), max_size=200),
    st.integers(1, 10),
)
def test_whatever_fails_lanes_stay_in_order_and_all_is_sent(
    lanes: list[int], steps: list[int], most: int
) -> None:
    model = Model(lanes, most)
    for what in steps:
        model.step(what)
    for _ in range(40 * len(lanes) + 20):
        model.step(3)
    assert not model.owed
    for lane in {one.message.lane for one in model.sent}:
        ids = [one.id for one in model.sent if one.message.lane == lane]
        assert ids == sorted(ids)
