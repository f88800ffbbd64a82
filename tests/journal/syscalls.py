"""Counting the system calls of a process by ptrace(2): no tracer has to be installed."""

from __future__ import annotations

import ctypes
import os
import platform
import signal
from collections import Counter
from collections.abc import Sequence

_TRACEME, _SYSCALL, _SETOPTIONS, _GET_SYSCALL_INFO = 0, 24, 0x4200, 0x420E
_TRACESYSGOOD, _EXITKILL = 1, 0x100000
_ENTRY = 1
_NUMBERS = {"x86_64": {74: "fsync", 75: "fdatasync"}, "aarch64": {82: "fsync", 83: "fdatasync"}}


class _SyscallInfo(ctypes.Structure):
    """The head of ``struct ptrace_syscall_info`` (Linux 5.3), as far as a call's number."""

    _fields_ = (
        ("op", ctypes.c_uint8),
        ("pad", ctypes.c_uint8 * 3),
        ("arch", ctypes.c_uint32),
        ("instruction_pointer", ctypes.c_uint64),
        ("stack_pointer", ctypes.c_uint64),
        ("number", ctypes.c_uint64),
        ("rest", ctypes.c_uint64 * 8),
    )


def count_syncs(command: Sequence[str], environment: dict[str, str]) -> Counter[str]:
    """Run a command whose work is done by its main thread; how often it called fsync and fdatasync."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
    libc.ptrace.restype = ctypes.c_long
    names = _NUMBERS[platform.machine()]
    pid = os.fork()
    if pid == 0:
        libc.ptrace(_TRACEME, 0, None, None)
        os.execvpe(command[0], list(command), environment)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSTOPPED(status), "the process could not be traced"
    assert libc.ptrace(_SETOPTIONS, pid, None, _TRACESYSGOOD | _EXITKILL) == 0, os.strerror(ctypes.get_errno())
    counts: Counter[str] = Counter()
    deliver = 0
    while True:
        assert libc.ptrace(_SYSCALL, pid, None, deliver) == 0, os.strerror(ctypes.get_errno())
        _, status = os.waitpid(pid, 0)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            return counts
        assert os.WIFSTOPPED(status), f"the process ended with status {status}"
        stopped_by = os.WSTOPSIG(status)
        deliver = 0 if stopped_by in (signal.SIGTRAP | 0x80, signal.SIGTRAP) else stopped_by
        if stopped_by == signal.SIGTRAP | 0x80:
            info = _SyscallInfo()
            libc.ptrace(_GET_SYSCALL_INFO, pid, ctypes.sizeof(info), ctypes.addressof(info))
            if info.op == _ENTRY and info.number in names:
                counts[names[info.number]] += 1
