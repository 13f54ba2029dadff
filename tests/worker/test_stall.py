from __future__ import annotations

import pytest

from headrace.worker.stall import BLOCKED_AFTER, LOOK_EVERY, LoopState, Stall, state_of


@pytest.mark.parametrize(
    ("silence", "state"),
    [
        (0.0, LoopState.RUNNING),
        (0.99, LoopState.RUNNING),
        (1.0, LoopState.BLOCKED),
        (299.9, LoopState.BLOCKED),
        (300.0, LoopState.LET_GO),
    ],
)
def test_silence_is_judged_by_its_length(silence: float, state: LoopState) -> None:
    assert state_of(silence, 300.0) is state


def test_a_small_max_stall_comes_first() -> None:
    assert state_of(0.5, 0.5) is LoopState.LET_GO


def looks(stall: Stall, start: float, number: int) -> list[float]:
    """Look so many times in vain, and return the times at which the state changed."""
    times = [start + LOOK_EVERY * (turn + 1) for turn in range(number)]
    return [now for now in times if stall.look(now, None)]


def test_each_state_is_told_once() -> None:
    stall = Stall(max_stall=3.0)
    stall.ask(100.0)
    assert looks(stall, 100.0, 40) == [101.0, 103.0]
    assert stall.look(110.25, 110.1)
    assert stall.silence == pytest.approx(10.1), "it ended when the answer came, not when seen"
    stall.ask(110.25)
    assert not stall.look(110.5, 110.3)
    assert stall.silence == pytest.approx(0.05)


def test_a_loop_that_answers_is_never_blocked() -> None:
    stall = Stall(max_stall=3.0)
    for turn in range(100):
        stall.ask(turn)
        assert not stall.look(turn + LOOK_EVERY, turn + 0.1)


def test_a_process_that_was_stopped_is_not_a_blocked_loop() -> None:
    """SIGSTOP, an hour, SIGCONT: the one who looks stood still too."""
    stall = Stall(max_stall=300.0)
    stall.ask(0.0)
    assert not stall.look(LOOK_EVERY, None)
    assert not stall.look(3600.0, None)
    assert stall.silence < BLOCKED_AFTER
    assert not stall.look(3600.0 + LOOK_EVERY, 3600.1)


def test_a_blocked_loop_in_a_process_that_was_stopped_is_still_blocked() -> None:
    stall = Stall(max_stall=300.0)
    stall.ask(0.0)
    assert looks(stall, 0.0, 8) == [1.0]
    stall.look(3600.0, None)
    assert stall.state is LoopState.BLOCKED
    assert stall.silence == pytest.approx(2.5)
