"""Cancel: Ctrl-C and SIGTERM end a command within a second, whatever it is busy with."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

GRACE_S = 0.6
"""Time to end in good order; who is in the middle of a long loop of machine code is ended where it is, as after a power cut."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def cancellable(code: int, farewell: Callable[[], None]) -> Iterator[None]:
    """Within the block both signals raise `KeyboardInterrupt`, and end the process with `code` where the block ends, or after `GRACE_S`.

    What the block leaves behind in good order is on the disk by then; taking the interpreter and its libraries down in good order would
    take longer than all the rest.

    Parameters
    ----------
    code : int
        Exit code.
    farewell : callable
        Says that it was cancelled, where the block did not catch the interrupt itself.
    """
    came = threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        came.set()
        for each in SIGNALS:  # later ones change nothing, so that the way out is not interrupted
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    def watch() -> None:
        if reading.recv(1):  # the system writes here, even while the main thread is in machine code
            time.sleep(GRACE_S)
            farewell()
            leave()

    def leave() -> None:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):  # nobody reads it any more
                stream.flush()
        os._exit(code)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reading, writing = socket.socketpair()
    writing.setblocking(False)
    before = {number: signal.signal(number, interrupt) for number in SIGNALS}
    wakeup = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=watch, name="cancel", daemon=True).start()
    try:
        yield
    except KeyboardInterrupt:
        if not came.is_set():
            raise
        farewell()
    finally:
        if came.is_set():
            leave()
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        writing.close()
