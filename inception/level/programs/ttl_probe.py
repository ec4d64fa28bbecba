"""`python -m inception.level.programs.ttl_probe ADDRESS`: check that packets reach ADDRESS before their TTL is used up.

Each level is a router, which takes one off a packet's time to live. The router that drops one reports it (RFC 792),
and this program prints that. It prints nothing if the packet arrives, or if no router reports anything.
"""

from __future__ import annotations

import select
import socket
import struct
import sys
from pathlib import Path

_DISCARD_PORT = 9
_WAIT_S = 1.0
_IP_RECVERR = 11  # include/uapi/linux/in.h; Python names it from 3.14 on.
_SIZE = 512
_ERROR = struct.Struct("=IBBBBII")
"""struct sock_extended_err (include/uapi/linux/errqueue.h); the address of who sent it follows."""
_ORIGIN_ICMP = 2
_TIME_EXCEEDED = 11
_TTL = Path("/proc/sys/net/ipv4/ip_default_ttl")


def main() -> None:
    """Send one packet to the address that is the first argument, and print which router dropped it, if any."""
    if (router := find_dropping_router(sys.argv[1])) is not None:
        print(f"time to live exceeded at {router}, sent with {_TTL.read_text().strip()}")  # noqa: T201 its output


def find_dropping_router(address: str) -> str | None:
    """Return the router that dropped a packet to `address` as its TTL was used up; None if none reports that."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        sender.sendto(b"", (address, _DISCARD_PORT))
        watch = select.poll()
        watch.register(sender, 0)  # POLLERR is always reported.
        if not watch.poll(_WAIT_S * 1000):
            return None
        _, ancillary, _, _ = sender.recvmsg(_SIZE, _SIZE, socket.MSG_ERRQUEUE)
    for _, kind, data in ancillary:
        if kind == _IP_RECVERR:
            _, origin, icmp_type, *_ = _ERROR.unpack_from(data)
            if (origin, icmp_type) == (_ORIGIN_ICMP, _TIME_EXCEEDED):
                return _offender(data)
    return None


def _offender(data: bytes) -> str:
    # SO_EE_OFFENDER: a struct sockaddr_in right behind, its address after family and port.
    begin = _ERROR.size + 4
    return socket.inet_ntoa(data[begin : begin + 4])


if __name__ == "__main__":
    main()
