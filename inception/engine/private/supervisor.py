"""Supervise a private engine: start it, wait until no client or level uses it, stop it and sweep up.

Run as `python -m inception.engine.private.supervisor DIRECTORY`, detached from the client that starts it, once for each
engine directory. Its standard output gets one line, a StartReport.
"""

from __future__ import annotations

import logging
import os
import resource
import signal
import sys
import time
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from types import FrameType

import docker

from inception.engine.client import open_client
from inception.engine.private import daemons, host, kernel
from inception.engine.private.addresses import EngineAddresses, NoFreeAddresses, choose_addresses
from inception.engine.private.layout import EngineDirectory
from inception.engine.private.network import Link, NetworkNamespace, host_network_locked, keep_from_ipv6, run
from inception.engine.private.resolvers import reachable_list
from inception.engine.private.running_levels import count_running_levels, remove_ended_levels
from inception.engine.private.start_report import StartReport
from inception.engine.private.sweep import sweep
from inception.engine.translate import reason
from inception.errors import EngineError, InceptionError
from inception.linux.flock import Mode, held, opened, release, try_take
from inception.probe.network import read_destinations, read_mtu

DAEMON_START_TIMEOUT_S = 60.0
"""Seconds for each daemon to answer: dockerd first loads its images, containers and networks."""
DAEMON_STOP_TIMEOUT_S = 20.0
"""Seconds for each daemon to end by itself: dockerd gives running containers 15 of them."""
_LOCK_TIMEOUT_S = 30.0
"""Seconds for a client that sweeps up after a killed supervisor to release the lock."""
_POLL_S = 0.25
_POLL_LEVELS_S = 1.0
_SHIM_SOCKETS = Path("/run/containerd")
"""Directory of every containerd's shim sockets, whatever its configuration."""

_log = logging.getLogger("supervisor")


class StopRequest:
    """Request to stop, made by a signal."""

    def __init__(self) -> None:
        self.made = False

    def listen(self) -> None:
        """Handle SIGTERM and SIGINT as requests to stop from now on."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.made = True


class StartReporter:
    """Sends the StartReport to the client that started the supervisor, once."""

    def send(self, report: StartReport) -> None:
        """Write the report to standard output and close it, which its reader waits for."""
        try:
            os.write(sys.stdout.fileno(), report.to_line().encode())
        except BrokenPipeError:
            _log.warning("the client that started this engine is gone")
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def supervise(directory: EngineDirectory, reporter: StartReporter, request: StopRequest) -> None:
    """Run one engine from its start to its end. Raises EngineError or OSError if it cannot start."""
    with ExitStack() as undo:
        undo.enter_context(held(directory.supervisor_lock, Mode.EXCLUSIVE, limit_s=_LOCK_TIMEOUT_S))
        users = undo.enter_context(opened(directory.users_lock))
        sweep(directory)
        undo.callback(sweep, directory)
        prepare(directory)
        # Before there is a second thread: it would stay in the host's mount namespace.
        kernel.separate_mounts()
        namespace = undo.enter_context(closing(NetworkNamespace()))
        mtu = read_mtu(Path("/proc/self"))
        addresses = join_host(directory, namespace, mtu)
        cover_shared_paths()

        containerd = namespace.call(daemons.start_containerd, directory)
        undo.callback(containerd.stop, DAEMON_STOP_TIMEOUT_S)
        containerd.wait_until(partial(daemons.containerd_answers, directory), DAEMON_START_TIMEOUT_S)
        dockerd = namespace.call(daemons.start_dockerd, directory, addresses, mtu)
        undo.callback(dockerd.stop, DAEMON_STOP_TIMEOUT_S)
        dockerd.wait_until(partial(daemons.dockerd_answers, directory), DAEMON_START_TIMEOUT_S)
        client = undo.enter_context(closing(open_client(directory.address)))

        directory.ready.touch()
        undo.callback(directory.ready.unlink, missing_ok=True)
        reporter.send(StartReport())
        _log.info("ready at %s, bridge %s, mtu %d", directory.address, addresses.bridge, mtu)
        _log.info("stopping: %s", wait_until_unneeded(client, users, (containerd, dockerd), request))
        if containerd.ended:
            dockerd.process.kill()  # It would wait for containers that it cannot stop any more.
        elif not dockerd.ended:
            remove_ended_levels(client)


def prepare(directory: EngineDirectory) -> None:
    """Make the directories, and raise the limit of open files, which the daemons inherit."""
    for path in (directory.data_root, directory.containerd_root, directory.exec_root):
        path.mkdir(mode=0o711, parents=True, exist_ok=True)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def join_host(directory: EngineDirectory, namespace: NetworkNamespace, mtu: int) -> EngineAddresses:
    """Link the namespace to the host, and let the host forward its packets. `mtu` is in bytes. Raises EngineError."""
    with host_network_locked():
        try:
            addresses = choose_addresses(read_destinations(Path("/proc/self")))
        except NoFreeAddresses as error:
            raise EngineError(f"no addresses for a private engine: {error}", remedy="free a part of it") from error
        changes = host.intended_changes(directory.tag, addresses.host, (_SHIM_SOCKETS,))
        changes.write(directory.host_changes)
        link = Link(name=directory.tag, addresses=addresses, mtu=mtu)
        for command in link.host_commands(namespace.path):
            run(command)
        keep_from_ipv6(link.name)
    for command in link.inside_commands():
        namespace.call(run, command)
    host.apply(changes)
    return addresses


def cover_shared_paths() -> None:
    """Mount private versions of the files that the daemons would share with the host's."""
    kernel.mount_tmpfs(_SHIM_SOCKETS)
    if (names := reachable_list(Path("/"))) is not None:
        kernel.bind(names, Path("/etc/resolv.conf").resolve())


def wait_until_unneeded(
    client: docker.APIClient, users: int, running: tuple[daemons.PrivateDaemon, ...], request: StopRequest
) -> str:
    """Wait until the engine is to stop, and return the reason.

    If it is unused, `users` stays locked, so that new clients wait until the engine has stopped.
    """
    while True:
        if request.made:
            return "stop requested"
        for daemon in running:
            if daemon.ended:
                return f"{daemon.name} ended: {daemons.last_message(daemon.log)}"
        pause_s = _POLL_S
        if try_take(users, Mode.EXCLUSIVE):
            try:
                levels = count_running_levels(client)
            except EngineError as error:
                return str(error)
            if not levels:
                return "no client or level uses it"
            release(users)
            pause_s = _POLL_LEVELS_S
        time.sleep(pause_s)


def main(arguments: list[str]) -> int:
    """Supervise the engine of the directory that `arguments` name."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s")
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    request = StopRequest()
    request.listen()
    (root,) = arguments
    reporter = StartReporter()
    try:
        supervise(EngineDirectory(Path(root)), reporter, request)
    except InceptionError as error:
        _log.error("%s", error)
        reporter.send(StartReport(failure=error.message, remedy=error.remedy))
        return 1
    except OSError as error:
        _log.exception("private engine failed")
        reporter.send(StartReport(failure=f"the private engine in {root} failed: {reason(error)}"))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
