"""What the kernel does for process trees: nobody outlives whoever is responsible for him. Linux only."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def die_with_parent(deadly: signal.Signals = signal.SIGTERM, parent: int | None = None) -> None:
    """Get `deadly` when the parent process ends, however it ends. Survives exec, not fork.

    `parent` is the expected one: where it is already gone, the signal comes at once.
    """
    _prctl(PR_SET_PDEATHSIG, deadly)
    if parent is not None and os.getppid() != parent:
        os.kill(os.getpid(), deadly)


def tie_descendants_to_parents() -> None:
    """From now on, every process forked here or below is killed with its parent.

    For a tree that is killed from the top: multiprocessing children would live on and wait for ever.
    """
    parent = [os.getpid()]

    def remember() -> None:
        parent[0] = os.getpid()

    os.register_at_fork(before=remember, after_in_child=lambda: die_with_parent(signal.SIGKILL, parent[0]))


def become_subreaper() -> None:
    """Orphans below this process become its children instead of init's."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
