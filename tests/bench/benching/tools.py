# tools.py - `banyan img` and qemu-img, each doing the same work on images of their own
# SPDX-License-Identifier: LGPL-2.1-or-later

import os
import resource
import time

from . import loads, report, servers

DATA_BYTES = 1 << 30
PACKED_BYTES = 128 << 20  # compressing is slow
CHECKED_BYTES = 256 << 30  # all clusters have a place, 4 million of them
NAMES = ["qemu-img", "cp", "banyan"]
PARALLEL = ["-W", "-m", "16"]


class Task:
    """`words` follow the program's name; SOURCE, QCOW2, PACKED and CHECKED in them are images, OUT is
    made. `least`: how many times faster than qemu-img we mean to be. `copied`: what cp copies beside
    it, which tells what the machine takes to move as many bytes from file to file."""

    def __init__(self, name, words, least, copied=None):
        self.name, self.words, self.least, self.copied = name, words, least, copied


TASKS = [
    Task("raw-to-qcow2", ["convert", *PARALLEL, "-f", "raw", "-O", "qcow2", "SOURCE", "OUT"], 1.5, "SOURCE"),
    Task("qcow2-to-raw", ["convert", *PARALLEL, "-f", "qcow2", "-O", "raw", "QCOW2", "OUT"], 1.5, "QCOW2"),
    Task("pack-zlib", ["convert", *PARALLEL, "-c", "-f", "raw", "-O", "qcow2", "PACKED", "OUT"], None),
    Task("pack-zstd", ["convert", *PARALLEL, "-c", "-f", "raw", "-O", "qcow2", "-o", "compression_type=zstd",
                       "PACKED", "OUT"], None),
    Task("create-1T", ["create", "-q", "-f", "qcow2", "OUT", "1T"], None),
    Task("check-full", ["check", "-f", "qcow2", "CHECKED"], 2),
]


class Figure:
    """Seconds by the clock, and of CPU time, of the best run by the clock."""

    def __init__(self):
        self.seconds = self.cpu = self.slowest = None

    def add(self, seconds, cpu):
        self.slowest = max(seconds, self.slowest or 0)
        if self.seconds is None or seconds < self.seconds:
            self.seconds, self.cpu = seconds, cpu


def make_packable(path):
    """Half of it is noise, and half the same over and over."""
    with open(path, "wb") as f:
        for _ in range(PACKED_BYTES >> 16):
            f.write(os.urandom(1 << 15) + b"banyan  " * (1 << 12))


def make_images(cupboard):
    """Before anything is measured: they are in the page cache then."""
    paths = {name: os.path.join(cupboard.root, name.lower()) for name in
             ("SOURCE", "QCOW2", "PACKED", "CHECKED", "OUT")}
    servers.make_disk(paths["SOURCE"], DATA_BYTES)
    make_packable(paths["PACKED"])
    loads.call(["qemu-img", "convert", "-O", "qcow2", paths["SOURCE"], paths["QCOW2"]], 300)
    loads.call(["qemu-img", "create", "-q", "-f", "qcow2", "-o", "preallocation=metadata",
                paths["CHECKED"], str(CHECKED_BYTES)], 300)
    return paths


def run(program, words, paths):
    words = [paths.get(word, word) for word in words]
    if os.path.exists(paths["OUT"]):
        os.unlink(paths["OUT"])
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    loads.call([*program, *words], 600)
    seconds = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure_task(options, tell, programs, task, paths):
    commands = {name: (program, task.words) for name, program in programs.items()}
    if task.copied is not None:
        commands["cp"] = (["cp", "--sparse=never", "--reflink=never"], [task.copied, "OUT"])
    figures = {name: Figure() for name in commands}
    try:
        for turn in range(options.runs):
            for name, command in commands.items():
                tell(f"{task.name}: {name} {turn + 1}")
                figures[name].add(*run(*command, paths))
    except loads.RunFailed as e:
        return task, {}, f"{name}: {e}"
    return task, figures, None


def measure(options, tell):
    programs = {"qemu-img": ["qemu-img"],
                "banyan": [os.path.join(options.build, "frontends/cli/banyan"), "img"]}
    os.environ.setdefault("BANYAN_PLUGIN_PATH", os.path.join(options.build, "frontends"))
    os.environ.setdefault("LD_LIBRARY_PATH", options.build)
    cupboard = servers.Cupboard(options.folder)
    try:
        tell("img: making images")
        paths = make_images(cupboard)
        cases = [measure_task(options, tell, programs, task, paths) for task in TASKS]
    finally:
        cupboard.remove()
    tell("")
    return cases


def goal(task, figures):
    if task.least is None or not figures:
        return None
    times = {name: figures["qemu-img"].seconds / figure.seconds for name, figure in figures.items()}
    return report.Goal(f">= {task.least} x qemu-img", times["banyan"], times.get("cp"), least=task.least,
                       limit="cp")


def show(cases):
    lines = []
    for task, figures, failure in cases:
        found = goal(task, figures)
        for name in [name for name in NAMES if name in figures]:
            figure = figures[name]
            ours = name == "banyan"
            times = f"{figures['qemu-img'].seconds / figure.seconds:.2f}" if name != "qemu-img" else "-"
            lines.append([task.name, name, f"{figure.seconds:.3f}", f"{figure.cpu:.3f}",
                          f"{(1 - figure.seconds / figure.slowest) * 100:.0f}", times,
                          found.line() if ours and found is not None else ""])
        if failure is not None:
            lines.append([task.name, "", "", "", "", "", failure])
    report.print_table(["task", "server", "seconds", "cpu s", "-%", "x qemu-img", "goals"], lines)


def to_json(cases):
    return [{"task": task.name,
             "programs": {name: {"seconds": f.seconds, "cpu_seconds": f.cpu} for name, f in figures.items()},
             "failed": failure,
             "goals": [found.json() for found in [goal(task, figures)] if found is not None]}
            for task, figures, failure in cases]
