"""The filter of system calls that a kernel is left with, as BPF instructions.

Namespaces say what a submission can reach; the filter says what it cannot even ask the kernel of
the machine, so that a fault in a seldom used part of it is out of reach.
It refuses with EPERM what no homework needs, and allows the rest: a list of what is allowed would
break with every new version of NumPy.
libseccomp compiles it here, in the judge; inside the sandbox it is loaded with one call of prctl.
"""

from __future__ import annotations

import errno
import socket
import tempfile
from contextlib import suppress
from functools import lru_cache

REMEDY = "Debian and Ubuntu: sudo apt-get install libseccomp2; Fedora: sudo dnf install libseccomp"

DENIED = (
    # other processes
    "ptrace process_vm_readv process_vm_writev process_madvise pidfd_getfd kcmp "
    # mounts and namespaces
    "mount umount2 pivot_root chroot move_mount open_tree fsopen fsconfig fsmount fspick "
    "mount_setattr unshare setns "
    # the machine
    "kexec_load kexec_file_load init_module finit_module delete_module reboot swapon swapoff "
    "acct quotactl quotactl_fd syslog sethostname setdomainname settimeofday clock_settime "
    "clock_adjtime adjtimex iopl ioperm vhangup nfsservctl "
    # parts of the kernel that often had faults, and that no homework needs
    "bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register keyctl "
    "add_key request_key fanotify_init modify_ldt lookup_dcookie uselib ustat sysfs _sysctl "
    # ways around paths
    "open_by_handle_at name_to_handle_at"
).split()
"""Calls that are refused, whatever their arguments."""

_NEW_NAMESPACES = (
    0x00000080,  # time
    0x00020000,  # mounts
    0x02000000,  # cgroups
    0x04000000,  # host name
    0x08000000,  # IPC
    0x10000000,  # users
    0x20000000,  # processes
    0x40000000,  # network
)


@lru_cache
def code() -> bytes:
    """The filter's instructions; empty where libseccomp is missing."""
    try:
        import pyseccomp
    except (ImportError, RuntimeError, OSError):
        return b""
    rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    rules.set_attr(pyseccomp.Attr.ACT_BADARCH, pyseccomp.KILL_PROCESS)
    refuse = pyseccomp.ERRNO(errno.EPERM)
    for name in DENIED:
        with suppress(OSError):  # a call that this architecture does not have
            rules.add_rule(refuse, name)
    rules.add_rule(refuse, "socket", pyseccomp.Arg(0, pyseccomp.NE, socket.AF_UNIX))
    for flag in _NEW_NAMESPACES:
        rules.add_rule(refuse, "clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, flag, flag))
    rules.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")  # flags in memory; libc uses clone then
    with tempfile.TemporaryFile() as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()


def in_words() -> str:
    """What a sandbox's strength says of it."""
    return "dangerous system calls refused" if code() else "no filter of system calls"
