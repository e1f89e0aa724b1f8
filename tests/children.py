"""Processes that are forked to be killed, or to run out of disk."""

import os
import signal
import sys
import threading

import pytest
import torch
from tqdm import tqdm

# Python 3.12 warns of any fork beside threads; these children use none of torch's.
FORKS = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked to be killed"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning"),
]


def in_child(action) -> int:
    """Start a function in a forked process; give the process id."""
    pid = os.fork()
    if pid == 0:
        try:
            torch.set_num_threads(1)
            tqdm.set_lock(threading.RLock())  # its own is shared: killed in it, all others wait
            action()
            os._exit(0)
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
        finally:
            os._exit(1)
    return pid


def exit_code(pid: int) -> int:
    """Wait for a process; 0, 1 after an error, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


class LineCounter:
    """Count the lines executed in some files, as `sys.settrace` shows them."""

    def __init__(self, files: str) -> None:
        self.files, self.n = files, 0

    def __call__(self, frame, event, argument):
        if not frame.f_code.co_filename.startswith(self.files):
            return None
        if event == "line":
            self.n += 1
            self.at_line()
        return self

    def at_line(self) -> None:
        """Do nothing."""


class KilledAtLine(LineCounter):
    """Send kill -9 to this very process at the n-th line."""

    def __init__(self, files: str, last: int) -> None:
        super().__init__(files)
        self.last = last

    def at_line(self) -> None:
        """Be killed, or go on."""
        if self.n == self.last:
            os.kill(os.getpid(), signal.SIGKILL)


def trace(tracer, action) -> None:
    """Run a function under a tracer, and give the old one back."""
    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        action()
    finally:
        sys.settrace(before)


def fill_the_disk(n_bytes: int) -> None:
    """Let each write beyond so many bytes of a file fail from now on, in this process."""
    import resource  # where there is fork

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))
