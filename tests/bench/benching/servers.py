# servers.py - the servers that are measured: how each is started and stopped
# SPDX-License-Identifier: LGPL-2.1-or-later

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time

NULL_BYTES = 64 << 30
DISK_BYTES = 256 << 20
EXPORT = "disk"
BACKENDS = ["null", "memory", "raw", "raw-4k"]
START_SECONDS = 10
# What stands over the null backend where filters are measured: none, or one. No backends by name.
STACKS = ["null", "throttle", "quorum"]
LIMITS = {"iops-total": 10**9, "bps-total": 10**12}  # that nobody comes near to


class Unavailable(Exception):
    """This server cannot be measured here; the text says why."""


class Server:
    def __init__(self, name, command, path, env=None):
        self.name = name
        self.command = command
        self.path = path  # of its socket
        self.env = env
        self.process = None
        self.ready_ms = None

    def start(self):
        if shutil.which(self.command[0]) is None:
            raise Unavailable(f"{self.command[0]} is not installed")
        self.errors = tempfile.TemporaryFile("w+")
        began = time.monotonic()
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.path)
            listener.listen(64)
            self.process = self.launch(listener.fileno())
        self.await_greeting()
        self.ready_ms = (time.monotonic() - began) * 1000

    def launch(self, fd):
        """With the listening socket as descriptor 3, as systemd hands it over. Only the server's own
        shell knows the process id that has to be named; a POSIX shell need not know descriptors above 9."""
        script = f'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3<&{fd}'
        return subprocess.Popen(["bash", "-c", script, "bash", *self.command], pass_fds=[fd],
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=self.errors, env=self.env)

    def await_greeting(self):
        """The socket listens already: a client is greeted once the server serves, and hung up on
        when it ends before."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(START_SECONDS)
            try:
                s.connect(self.path)
                if len(s.recv(1)) == 1:
                    return
            except TimeoutError:
                self.stop_and_raise(f"does not serve after {START_SECONDS} s")
            except OSError:
                pass
        self.stop_and_raise("ended before it served")

    def stop_and_raise(self, what):
        complaint = self.complaint()
        self.stop()
        raise Unavailable(f"{what}: {complaint}")

    def has_ended(self):
        return self.process.poll() is not None

    def complaint(self):
        self.errors.seek(0)
        lines = [line.strip() for line in self.errors if line.strip()]
        return lines[-1] if lines else "without a word"

    def stop(self):
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.errors.close()
        self.process = None

    def set_cpus(self, cpus):
        for thread in os.listdir(f"/proc/{self.process.pid}/task"):
            try:
                os.sched_setaffinity(int(thread), cpus)
            except (ProcessLookupError, PermissionError):
                pass  # ended meanwhile

    def cpu_seconds(self):
        """Of all its threads, ended ones included: the kernel's CPU clock of a process."""
        return time.clock_gettime((~self.process.pid) << 3 | 2)


def make_disk(path, size=DISK_BYTES, piece=1 << 20):
    """A file full of data that is not zero, in the page cache: in folios as large as its pieces were."""
    block = os.urandom(piece)
    with open(path, "wb", buffering=0) as f:
        for _ in range(size // piece):
            f.write(block)
    return path


def is_file(backend):
    """raw-4k is a file written 4 KiB at a time, as a guest does at random."""
    return backend in ("raw", "raw-4k")


class Cupboard:
    """Where sockets and disks lie: on disk, and on a tmpfs for who has no memory driver."""

    def __init__(self, folder):
        self.root = tempfile.mkdtemp(prefix="banyan-bench-", dir=folder)
        shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else folder
        self.tmpfs = tempfile.mkdtemp(prefix="banyan-bench-", dir=shared)

    def socket(self, name):
        return os.path.join(self.root, name + ".sock")

    def disk(self, name, backend):
        """Each server has its own: QEMU locks its images. Only bare, the limit of banyan, has banyan's: what the
        kernel has in memory of a file makes a write cost up to twice what it costs in another."""
        folder = self.tmpfs if backend == "memory" else self.root
        path = os.path.join(folder, name + ".raw")
        if os.path.exists(path):
            return path
        return make_disk(path, piece=4096 if backend == "raw-4k" else 1 << 20)

    def clear(self):
        for folder in (self.root, self.tmpfs):
            for name in os.listdir(folder):
                os.unlink(os.path.join(folder, name))

    def remove(self):
        shutil.rmtree(self.root)
        shutil.rmtree(self.tmpfs)


def null_node():
    return {"driver": "null-co", "size": NULL_BYTES, "read-zeroes": True}


def stack(name):
    """A node over null-co; QEMU and Banyan have the same notation for it."""
    return {"null": null_node,
            "throttle": lambda: {"driver": "throttle", "throttle-group": "limits", "file": null_node()},
            "quorum": lambda: {"driver": "quorum", "vote-threshold": 2,
                               "children": [null_node() for _ in range(3)]}}[name]()


def qemu_nbd(backend, cupboard):
    path = cupboard.socket("qemu-nbd")
    command = ["qemu-nbd", "-t", "--shared=16", "-x", EXPORT]
    if backend == "null":
        opts = f"driver=null-co,size={NULL_BYTES},read-zeroes=on"
        return Server("qemu-nbd", command + ["--image-opts", opts], path)
    disk = cupboard.disk("qemu-nbd", backend)
    return Server("qemu-nbd", command + ["-f", "raw", "--aio=io_uring", "--cache=writeback", disk],
                  path)


def qemu_storage_daemon(backend, cupboard):
    path = cupboard.socket("qsd")
    group = {"qom-type": "throttle-group", "id": "limits", "limits": LIMITS}
    if backend in STACKS:
        node = stack(backend)
    else:
        node = {"driver": "raw", "file": {"driver": "file", "aio": "io_uring",
                                          "filename": cupboard.disk("qsd", backend)}}
    node["node-name"] = "disk"
    # With iothread= version 7.2 aborts when a client leaves (nbd_blockdev_client_closed).
    export = f"nbd,id=export,node-name=disk,name={EXPORT},writable=on"
    return Server("qsd", ["qemu-storage-daemon", "--object", json.dumps(group), "--blockdev", json.dumps(node),
                          "--nbd-server", "addr.type=fd,addr.str=3,max-connections=16",
                          "--export", export], path)


def nbdkit(backend, cupboard):
    path = cupboard.socket("nbdkit")
    plugin = {"null": lambda: ["null", str(NULL_BYTES)],
              "memory": lambda: ["memory", str(DISK_BYTES)]
              }.get(backend, lambda: ["file", cupboard.disk("nbdkit", backend)])()
    return Server("nbdkit", ["nbdkit", "-f"] + plugin, path)


def bare_loop(backend, cupboard, build):
    path = cupboard.socket("bare")
    what = cupboard.disk("banyan", backend) if is_file(backend) else backend
    size = NULL_BYTES if backend == "null" else DISK_BYTES
    return Server("bare", [os.path.join(build, "tests/bench/bare-loop"), "-", what, str(size)],
                  path)


def banyan_document(backend, cupboard):
    if backend == "memory":
        return document_of({"driver": "memory", "size": DISK_BYTES})
    if is_file(backend):
        return document_of({"driver": "raw", "file": {
            "driver": "file", "filename": cupboard.disk("banyan", backend)}})
    return document_of(stack(backend))


def document_of(node):
    objects = {"limits": {"type": "throttle-group", **LIMITS}}
    listen = {"type": "fd", "str": "3"}
    # JSON is YAML too.
    return json.dumps({"version": 1, "objects": objects, "nodes": {"disk": node}, "frontends": {"server": {
        "type": "nbd-server", "listen": listen,
        "exports": {EXPORT: {"node": "disk", "writable": True}}}}}, indent=2)


def banyan(backend, cupboard, build):
    return serve_document(banyan_document(backend, cupboard), "banyan", cupboard, build)


def banyan_of(node, name, cupboard, build):
    return serve_document(document_of(node), name, cupboard, build)


def serve_document(text, name, cupboard, build):
    document = os.path.join(cupboard.root, name + ".yaml")
    with open(document, "w") as f:
        f.write(text)
    program = os.path.join(build, "frontends/cli/banyan")
    env = dict(os.environ)
    env.setdefault("BANYAN_PLUGIN_PATH", os.path.join(build, "frontends"))
    return Server(name, [program, "run", document], cupboard.socket(name), env)


def make(name, backend, cupboard, build):
    if name == "bare":
        return bare_loop(backend, cupboard, build)
    if name == "banyan":
        return banyan(backend, cupboard, build)
    return {"qemu-nbd": qemu_nbd, "qsd": qemu_storage_daemon, "nbdkit": nbdkit}[name](
        backend, cupboard)


# In this order in the tables; qemu-nbd is what the goals are ratios of, bare is no peer but a limit.
NAMES = ["qemu-nbd", "qsd", "nbdkit", "bare", "banyan"]
PEERS = ["qemu-nbd", "qsd", "nbdkit"]
