"""Starting Python programs: forked from the zygote (``lambda_zygote.py``) in milliseconds, or plainly without it."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

ZYGOTE = Path(__file__).with_name("lambda_zygote.py")
PYTHON = (sys.executable, "-P")  # -P: modules beside the program are not the function's


class Forked:
    """A process forked from the zygote, with as much of `subprocess.Popen` as MiniStack's workers use."""

    def __init__(self, zygote: socket.socket) -> None:
        """Have a process forked.

        Raises:
            OSError: The zygote is gone.
        """
        (stdin, into), (out, stdout), (err, stderr) = os.pipe(), os.pipe(), os.pipe()
        self._channel, theirs = socket.socketpair()
        try:
            with theirs:
                socket.send_fds(zygote, [b"."], [theirs.fileno(), stdin, stdout, stderr])
        except OSError:
            self._channel.close()
            for descriptor in (into, out, err):
                os.close(descriptor)
            raise
        finally:
            for descriptor in (stdin, stdout, stderr):
                os.close(descriptor)
        self.stdin = os.fdopen(into, "w", encoding="utf-8", buffering=1)
        self.stdout = os.fdopen(out, encoding="utf-8")
        self.stderr = os.fdopen(err, encoding="utf-8")
        self.returncode: int | None = None
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """Exit status, a signal's number negated, or None while it runs."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """Exit status, as soon as there is one.

        Raises:
            subprocess.TimeoutExpired: There is none after *timeout* seconds.
        """
        status = self._look(timeout)
        if status is None:
            raise subprocess.TimeoutExpired("a forked process", timeout or 0)
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        with suppress(OSError):
            self._channel.send(bytes([number]))

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def _look(self, timeout: float | None) -> int | None:
        with self._lock:
            if self.returncode is None:
                poll = select.poll()
                poll.register(self._channel, select.POLLIN)
                if poll.poll(None if timeout is None else timeout * 1000):
                    self.returncode = -signal.SIGKILL  # if the zygote was: what it forked ends when its input does
                    with self._channel, suppress(OSError, ValueError):
                        self.returncode = int(self._channel.recv(16))
            return self.returncode


class Starter:
    """Starts programs, from a zygote as long as there is one."""

    def __init__(self) -> None:
        self._zygote: socket.socket | None = None
        if hasattr(os, "fork") and hasattr(socket, "send_fds"):
            self._zygote, theirs = socket.socketpair()
            with theirs:
                self.process = subprocess.Popen([*PYTHON, ZYGOTE], stdin=theirs.fileno())

    def start(self, program: Path, environment: Mapping[str, str], directory: Path) -> Any:
        """Run *program* with exactly *environment*, in *directory*, its three streams piped to us.

        The answer is a `Forked` or, without a zygote, a `subprocess.Popen`.
        """
        if zygote := self._zygote:
            with suppress(OSError):
                forked = Forked(zygote)
                start = {"program": str(program), "environment": dict(environment), "directory": str(directory)}
                forked.stdin.write(json.dumps(start) + "\n")
                return forked
            self.close()  # it is gone; we do without
        return subprocess.Popen(
            [*PYTHON, program],
            cwd=directory,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            bufsize=1,
        )

    def close(self) -> None:
        """End the zygote and all that was forked from it."""
        zygote, self._zygote = self._zygote, None
        if zygote:
            zygote.close()
            self.process.wait()
