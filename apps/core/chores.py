"""What server processes do every few minutes, whether anybody calls or not: mostly forgetting what is past its time.

Each app registers its own; the thread that has the time calls them all.
"""

from collections.abc import Callable

_chores: list[Callable[[], object]] = []


def add(work: Callable[[], object]) -> None:
    """Call `work` every few minutes, in a thread, in each process. It may raise: the others are done, and it is tried again."""
    _chores.append(work)


def do_all() -> None:
    """Raises what went wrong, once all have had their turn."""
    problems = []
    for work in _chores:
        try:
            work()
        except Exception as problem:  # noqa: BLE001 - of other apps, of which nothing is known here
            problems.append(problem)
    if problems:
        raise problems[0]
