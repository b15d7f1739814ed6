"""Things that need each other, each done as soon as what it needs is done."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from deployment.progress import Progress

AT_ONCE = 16  # stacks and sets that are worked on
# Seconds. A signal that comes in the moment before the main thread falls asleep is seen only when it wakes up.
# https://docs.python.org/3/library/signal.html#execution-of-python-signal-handlers
HEARTBEAT = 0.5


Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")


class Crew:
    """Threads that do a deployment's work; whoever waits for them may be interrupted.

    Args:
        pool: The threads.
        progress: Its pauses are what the threads spend their time with.
    """

    def __init__(self, pool: ThreadPoolExecutor, progress: Progress) -> None:
        self._pool, self._progress = pool, progress

    def begin(self, work: Callable[[], Answer]) -> Future[Answer]:
        """Do something beside everything else."""
        return self._pool.submit(work)

    def each(self, keys: Collection[Key], work: Callable[[Key], Answer]) -> dict[Key, Answer]:
        """Do *work* with each of *keys* at the same time."""
        return self.in_order(dict.fromkeys(keys, ()), work)

    def in_order(self, needs: Mapping[Key, Collection[Key]], work: Callable[[Key], Answer]) -> dict[Key, Answer]:
        """Do *work* with each key of *needs* after the work with those that it needs is done.

        Needs that are no keys are not waited for. After the first failure nothing new is begun; what goes on is
        finished, and the failure is raised. Whoever interrupts us ends the pauses of all that goes on.
        """
        waiting, done = dict(needs), dict[Key, Answer]()
        running: dict[Future[Answer], Key] = {}
        failure: BaseException | None = None
        while running or (waiting and not failure):
            for key in _ready(waiting, needs, done) if not failure else ():
                del waiting[key]
                running[self._pool.submit(work, key)] = key
            for future in self._finished(running):
                key, error = running.pop(future), future.exception()
                if error:
                    failure = failure or error
                else:
                    done[key] = future.result()
        if failure:
            raise failure
        return done

    def _finished(self, running: Collection[Future[Answer]]) -> Collection[Future[Answer]]:
        if not running:
            raise ValueError("these wait for each other")
        try:
            while not (done := wait(running, HEARTBEAT, FIRST_COMPLETED).done):
                pass
        except BaseException:
            self._progress.stop()
            raise
        return done


def _ready(waiting: Collection[Key], needs: Mapping[Key, Collection[Key]], done: Collection[Key]) -> list[Key]:
    return [key for key in waiting if all(each in done or each not in needs for each in needs[key])]


@contextmanager
def crew(progress: Progress) -> Iterator[Crew]:
    """A crew, whose threads are gone afterwards: what they wait for goes on at AWS, if anything does."""
    pool = ThreadPoolExecutor(AT_ONCE, "deploy")
    try:
        yield Crew(pool, progress)
    except BaseException:
        progress.stop()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
