"""A fuse before each call to the outside.

It can blow before the call (nothing happened) or after it (it happened, and nobody learnt of it), which is all that
crashes, time-outs and lost answers can do to a handler.
"""


class Crash(Exception):
    """The process died, or never heard AWS's answer."""


class Killed(BaseException):
    """Somebody aborted the execution: no state runs any more, not even the one that records failures."""


class Fuse:
    """Counts the calls to the outside and blows at the *at*-th (one or several), before or after it.

    With *meanwhile*, nothing blows: somebody else does that at this very moment, undisturbed.
    """

    def __init__(self, at=None, *, after=False, error=Crash, meanwhile=None):
        self.meanwhile = meanwhile
        self.at, self.after, self.error = at if isinstance(at, set) else {at}, after, error
        self.calls = 0
        self.blown = False

    def call(self, function, *args, **kwargs):
        self.calls += 1
        mine = self.calls in self.at
        if mine and not self.after:
            self._blow(f"before call {self.calls}: {function.__name__}")
        answer = function(*args, **kwargs)
        if mine:
            self.at = self.at - {self.calls}
            if self.after:
                self._blow(f"after call {self.calls}: {function.__name__}")
        return answer

    def _blow(self, where):
        self.blown = True
        if self.meanwhile is None:
            raise self.error(where)
        self.at, meanwhile = set(), self.meanwhile
        meanwhile()


class Fused:
    """Any fake with a fuse at each of its methods."""

    def __init__(self, fake, fuse):
        self._fake, self._fuse = fake, fuse

    def __getattr__(self, name):
        method = getattr(self._fake, name)
        return lambda *args, **kwargs: self._fuse.call(method, *args, **kwargs)
