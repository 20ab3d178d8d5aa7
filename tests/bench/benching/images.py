# images.py - qcow2 served by qemu-nbd and by us, each its own image, and raw beside them
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# full       everything is allocated, and its tables are in memory
# thin       64 GiB of nothing: nearly every write allocates
# overlay    nothing of its own over a full base: reads go through, nearly every write copies a cluster
# misses     as full, but seven of eight requests find their part of a table gone from memory

import os

from . import loads, report, servers

KINDS = ["full", "thin", "overlay", "misses"]
SERVERS = ["raw", "qemu-nbd", "banyan"]  # raw is ours
FULL_BYTES = 1 << 30
THIN_BYTES = 64 << 30
OVERLAY_BYTES = 2 << 30
# Of its 32,768 clusters so many are written to in a run, or the best one would be the last, which
# finds all of them copied.
OVERLAY_WRITES = 2000
MISSES_CACHE = 64 << 10  # of 512 KiB of tables: 256 MiB in clusters of 4 KiB


class Shelf:
    """Where the images lie, and the data that some of them are made of."""

    def __init__(self, cupboard):
        self.cupboard = cupboard
        self.sources = {}

    def path(self, name):
        return os.path.join(self.cupboard.root, name)

    def source(self, size):
        """A raw file full of data."""
        if size not in self.sources:
            self.sources[size] = self.path(f"source-{size}.raw")
            servers.make_disk(self.sources[size], size)
        return self.sources[size]

    def filled(self, name, size, cluster_size):
        path = self.path(name)
        loads.call(["qemu-img", "convert", "-O", "qcow2", "-o", f"cluster_size={cluster_size}",
                    self.source(size), path], 120)
        return path

    def image(self, kind, name):
        path = self.path(f"{name}.qcow2")
        if kind == "full":
            return self.filled(f"{name}.qcow2", FULL_BYTES, 65536), FULL_BYTES
        if kind == "misses":
            return self.filled(f"{name}.qcow2", servers.DISK_BYTES, 4096), servers.DISK_BYTES
        if kind == "thin":
            loads.call(["qemu-img", "create", "-q", "-f", "qcow2", path, str(THIN_BYTES)], 60)
            return path, THIN_BYTES
        base = self.path("base.qcow2")
        if not os.path.exists(base):
            self.filled("base.qcow2", OVERLAY_BYTES, 65536)
        loads.call(["qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", path], 60)
        return path, OVERLAY_BYTES


def dotted(node, prefix=""):
    """As QEMU's --image-opts has it."""
    return ",".join(dotted(value, f"{prefix}{key}.") if isinstance(value, dict) else f"{prefix}{key}={value}"
                    for key, value in node.items())


def file_node(path, name):
    node = {"driver": "file", "filename": path}
    if name == "qemu-nbd":
        node["aio"] = "io_uring"
    return node


def qcow2_node(path, kind, name):
    node = {"driver": "qcow2", "file": file_node(path, name)}
    if kind == "misses":
        node.update({"l2-cache-size": MISSES_CACHE, "l2-cache-entry-size": 4096})
    return node


def make_server(name, kind, shelf, build):
    """Returns it and the size of its disk; it is not started."""
    if name == "raw":
        if kind != "full":
            raise servers.Unavailable("only beside a full image")
        disk = shelf.path("served.raw")
        # As the images are written: how a file was written decides what writing to it again costs.
        loads.call(["qemu-img", "convert", "-O", "raw", shelf.source(FULL_BYTES), disk], 120)
        return servers.banyan_of({"driver": "raw", "file": file_node(disk, name)}, "raw",
                                 shelf.cupboard, build), FULL_BYTES
    path, size = shelf.image(kind, name)
    node = qcow2_node(path, kind, name)
    if name == "banyan":
        return servers.banyan_of(node, name, shelf.cupboard, build), size
    command = ["qemu-nbd", "-t", "--shared=16", "-x", servers.EXPORT, "--image-opts",
               dotted(node)]
    return servers.Server(name, command, shelf.cupboard.socket(name)), size


def start(kind, shelf, build, names, not_started):
    running = []
    for name in names:
        try:
            server, size = make_server(name, kind, shelf, build)
            server.start()
            running.append((server, size))
        except (servers.Unavailable, loads.RunFailed) as e:
            if name != "raw" or kind == "full":
                not_started[kind, name] = str(e)
    return running


def measure_case(options, tell, running, kind, workload):
    """Interleaved. Each turn has a seed of its own, or later ones would write where the first has
    allocated already."""
    results, failures = {}, {}
    count = OVERLAY_WRITES if kind == "overlay" and workload.pattern == "randwrite" else None
    for turn in range(options.runs):
        for server, size in running:
            if server.name in failures:
                continue
            tell(f"qcow2 {kind} {workload.name}: {server.name} {turn + 1}")
            try:
                seed = 1 + turn + options.runs * loads.IMAGE_WORKLOADS.index(workload)
                result = loads.run_nbd_load(server, workload, 1, options.seconds, options.build,
                                            size, seed, count)
                results.setdefault(server.name, []).append(result)
            except loads.RunFailed as e:
                failures[server.name] = str(e)
    rows = {name: loads.best(r) for name, r in results.items() if name not in failures}
    return kind, workload, rows, failures


def measure(options, tell):
    cases, not_started = [], {}
    for kind in options.images:
        cupboard = servers.Cupboard(options.folder)
        running = []
        try:
            tell(f"qcow2 {kind}: making images")
            running = start(kind, Shelf(cupboard), options.build, SERVERS, not_started)
            os.sync()  # or who writes next waits for what was written before
            for workload in loads.IMAGE_WORKLOADS:
                if workload.name not in options.workloads:
                    continue
                cases.append(measure_case(options, tell, running, kind, workload))
        finally:
            for server, _size in running:
                server.stop()
            cupboard.remove()
    tell("")
    return cases, not_started


def goals(kind, workload, rows):
    """Of issue 8: cached reads beside raw and QEMU's, writes that allocate beside QEMU's."""
    ours, qemu, raw = (rows.get(name) for name in ("banyan", "qemu-nbd", "raw"))
    found = []
    if ours is None or workload.depth == 1:
        return found
    is_read = workload.pattern == "randread"
    if kind == "full" and is_read and raw is not None:
        found.append(report.Goal("cpu <= 1.15 x raw", ours.server_us / raw.server_us, None, most=1.15))
    least = {("full", True): 2.5, ("thin", False): 1.5, ("overlay", False): 1.5}.get((kind, is_read))
    if least is not None and qemu is not None:
        found.append(report.Goal(f">= {least} x qemu-nbd", ours.rate / qemu.rate, None, least=least))
    return found


HEAD = ["image", "workload", "server", "ops/s", "-%", "p50 us", "p99 us", "cpu us/op", "x qemu-nbd",
        "cpu x raw", "goals"]


def lines_of(case):
    kind, workload, rows, failures = case
    number, raw = report.number, rows.get("raw")
    lines = []
    for name in SERVERS:
        first = [kind, workload.name, name]
        if name in rows:
            r = rows[name]
            text = report.goals_text(goals(kind, workload, rows)) if name == "banyan" else ""
            lines.append(first + [number(r.rate), number(r.spread * 100), number(r.p50_us, 1),
                                  number(r.p99_us, 1), number(r.server_us, 2),
                                  report.ratio(r.rate, rows.get("qemu-nbd")),
                                  f"{r.server_us / raw.server_us:.2f}" if raw else "-", text])
        elif name in failures:
            lines.append(first + [""] * 7 + [failures[name]])
    return lines


def show(cases, not_started):
    lines = []
    for case in cases:
        if lines:
            lines.append([""] * len(HEAD))
        lines += lines_of(case)
    report.print_table(HEAD, lines)
    for (kind, name), reason in not_started.items():
        print(f"not measured: {name} on {kind}: {reason}")


def to_json(cases, not_started):
    return {"cases": [{"image": kind, "workload": workload.name,
                       "servers": {name: r._asdict() for name, r in rows.items()},
                       "failed": failures,
                       "goals": [goal.json() for goal in goals(kind, workload, rows)]}
                      for kind, workload, rows, failures in cases],
            "not_measured": [{"image": kind, "server": name, "reason": reason}
                             for (kind, name), reason in not_started.items()]}
