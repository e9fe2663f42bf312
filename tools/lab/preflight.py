"""What must be there before anything is built or started, each with one clear sentence."""

import ctypes
import os
import socket

AF_XDP = 44
SYS_IO_URING_SETUP = 425


class Unfit(Exception):
    """Why this machine cannot run the laboratory, and what to do."""


def require_root():
    if os.geteuid() != 0:
        raise Unfit('needs root, for network namespaces: run it with sudo')


def has_io_uring():
    """The kernel gives EFAULT for a null pointer where it has io_uring."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall(SYS_IO_URING_SETUP, 1, None)
    return ctypes.get_errno() == 14


def has_af_xdp():
    try:
        socket.socket(AF_XDP, socket.SOCK_RAW).close()
        return True
    except OSError:
        return False


def require_kernel(driver):
    if not has_io_uring():
        raise Unfit('this kernel has no io_uring, or forbids it: see '
                    '/proc/sys/kernel/io_uring_disabled, or use Linux 5.19 or later')
    if driver == 'af_xdp' and not has_af_xdp():
        raise Unfit('this kernel has no AF_XDP: run it with --driver af_packet')
