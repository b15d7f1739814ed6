"""The process from which the processes of Python functions are forked, in milliseconds instead of half a second.

Started by ``sandbox.engine.lambda_processes`` with a socket as its standard input. It has imported what AWS's runtime
brings along, the SDK (https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html), and nothing of a function's
archive; it has no thread, and imports nothing of ours.

One byte with four descriptors asks for a process: its channel, then its standard input, output and error. The first
line of its input says which program to run, with which environment, and where. On the channel the engine sends signal
numbers, a byte each, and the zygote the exit status. When the engine ends, the zygote and all its processes do.
"""

import gc
import json
import os
import runpy
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from typing import Any

SERVICES = ("dynamodb", "events", "kms", "rds", "s3", "stepfunctions")  # whose models are read beforehand
STREAMS = 3  # standard input, output, error


class Zygote:
    """Forks whenever the engine asks, passes signals on, and tells how each process ended."""

    def __init__(self, engine: socket.socket) -> None:
        self.engine = engine
        self.alarm, self.clock = socket.socketpair()  # readable when a process has ended
        self.clock.setblocking(False)  # noqa: FBT003
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.clock.fileno(), warn_on_full_buffer=False)
        self.processes: dict[int, tuple[int, socket.socket]] = {}  # the channel's descriptor -> process and channel
        self.poll = select.poll()
        self.poll.register(self.engine, select.POLLIN)
        self.poll.register(self.alarm, select.POLLIN)

    def serve(self) -> list[int] | None:
        """Serve until the engine ends, and return None; or, in a forked process, the descriptors of its streams."""
        while True:
            for descriptor, _ in self.poll.poll():
                if descriptor == self.engine.fileno():
                    asked, descriptors, _, _ = socket.recv_fds(self.engine, 1, 1 + STREAMS)
                    if not asked:
                        self.end()
                        return None
                    if self.fork(socket.socket(fileno=descriptors[0]), descriptors[1:]):
                        return descriptors[1:]
                elif descriptor == self.alarm.fileno():
                    self.alarm.recv(4096)
                    self.tell()
                elif descriptor in self.processes:
                    self.pass_on(*self.processes[descriptor])

    def fork(self, channel: socket.socket, streams: list[int]) -> bool:
        """Fork, and return whether this is the new process, which then has nothing of the zygote's."""
        process = os.fork()
        if process:
            self.processes[channel.fileno()] = process, channel
            self.poll.register(channel, select.POLLIN)
            for stream in streams:
                os.close(stream)
            return False
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for each in (self.engine, self.alarm, self.clock, channel, *(other for _, other in self.processes.values())):
            each.close()
        return True

    def pass_on(self, process: int, channel: socket.socket) -> None:
        """Send a process the signal that the engine asks for; kill it when the engine has let go of it."""
        with suppress(ConnectionError):
            if asked := channel.recv(1):
                os.kill(process, asked[0])
                return
        self.poll.unregister(channel)
        os.kill(process, signal.SIGKILL)

    def tell(self) -> None:
        """Collect the processes that have ended, and tell the engine their exit status."""
        for descriptor, (process, channel) in list(self.processes.items()):
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                del self.processes[descriptor]
                with suppress(KeyError):
                    self.poll.unregister(channel)
                with suppress(OSError), channel:
                    channel.send(str(os.waitstatus_to_exitcode(status)).encode())

    def end(self) -> None:
        """Kill what was forked."""
        for process, _ in self.processes.values():
            os.kill(process, signal.SIGKILL)


def warm() -> None:
    """Import the SDK, and let every later session find the models of `SERVICES` read.

    No client, session or credential stays: each process makes its own, from its own environment.
    """
    try:
        import boto3  # noqa: PLC0415  # without it, functions are forked just as well
        import botocore.session  # noqa: PLC0415
    except ImportError:
        return
    session: Any = boto3.session.Session()
    for service in SERVICES:
        session.client(service, region_name="us-east-1", aws_access_key_id="-", aws_secret_access_key="-")  # noqa: S106
    warmed, create = session._session.get_component("data_loader"), botocore.session.create_loader

    def create_loader(search_path_string: str | None = None) -> Any:
        return create(search_path_string) if search_path_string else warmed

    botocore.session.create_loader = create_loader


def become(streams: list[int]) -> None:
    """Turn this process into one that was started with *streams*, and run the program that the first line names."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    start = json.loads(sys.stdin.readline())
    os.environ.clear()
    os.environ.update(start["environment"])
    time.tzset()
    os.chdir(start["directory"])
    sys.argv = [start["program"]]
    runpy.run_path(start["program"], run_name="__main__")


def main() -> None:
    """Warm up and serve."""
    engine = socket.socket(fileno=os.dup(0))
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123  # pathlib is not for devices
        os.dup2(nothing.fileno(), 0)
    warm()
    gc.collect()
    gc.freeze()  # a collection must not touch, and thereby copy, what all processes share
    streams = Zygote(engine).serve()
    if streams:
        become(streams)


if __name__ == "__main__":
    main()
