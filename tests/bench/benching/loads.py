# loads.py - the workloads, and one run of one of them against one server
# SPDX-License-Identifier: LGPL-2.1-or-later

import collections
import json
import os
import statistics
import subprocess

from . import servers

Workload = collections.namedtuple("Workload", "name pattern block depth one_cpu")

WORKLOADS = [
    Workload("randread-1", "randread", 4096, 1, False),
    Workload("randread-1-cpu", "randread", 4096, 1, True),
    Workload("randread-32", "randread", 4096, 32, False),
    Workload("randwrite-32", "randwrite", 4096, 32, False),
    Workload("seqread-1M", "seqread", 1 << 20, 8, False),
]

# On images: reads come first, for writes change what is there.
IMAGE_WORKLOADS = [
    Workload("randread-1", "randread", 4096, 1, False),
    Workload("randread-32", "randread", 4096, 32, False),
    Workload("randwrite-1", "randwrite", 4096, 1, False),
    Workload("randwrite-32", "randwrite", 4096, 32, False),
]

# How long the client of one connection looks for a reply before it sleeps, in every other run from the first
# on. README.md tells why, and why not in all.
POLL_US = 30

# What one run tells, or the best of several.
Result = collections.namedtuple(
    "Result", "rate bytes_rate p50_us p99_us max_us server_us client_us poll_us spread",
    defaults=[0, 0.0])


class RunFailed(Exception):
    pass


def call(command, timeout, cpus=None):
    pin = (lambda: os.sched_setaffinity(0, cpus)) if cpus else None
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout,
                              preexec_fn=pin)
    except subprocess.TimeoutExpired:
        raise RunFailed(f"{os.path.basename(command[0])} does not end") from None
    if done.returncode != 0:
        complaints = (done.stderr.strip() or done.stdout.strip() or "no word").splitlines()
        raise RunFailed(complaints[-1])
    return done.stdout


def one_cpu_of(workload):
    cpus = sorted(os.sched_getaffinity(0))
    return {cpus[-1]} if workload.one_cpu else None


def poll_us_of(workload, connections, turn):
    return POLL_US if turn % 2 == 0 and workload.depth > 1 and connections == 1 else 0


def run_nbd_load(server, workload, connections, seconds, build, size=servers.DISK_BYTES, seed=1,
                 count=None, turn=1):
    poll_us = poll_us_of(workload, connections, turn)
    cpus = one_cpu_of(workload)
    if cpus:
        server.set_cpus(cpus)
    try:
        text = call([os.path.join(build, "tests/bench/nbd-load"), "--unix", server.path,
                     "--export", servers.EXPORT, "--connections", str(connections),
                     "--depth", str(workload.depth), "--block-size", str(workload.block),
                     "--pattern", workload.pattern, "--size", str(size), "--seed", str(seed),
                     *(["--count", str(count)] if count else []),
                     "--seconds", str(seconds), "--poll", str(poll_us),
                     "--server-pid", str(server.process.pid), "--json"], seconds + 60, cpus)
    finally:
        if cpus and server.process.poll() is None:
            server.set_cpus(os.sched_getaffinity(0))
    r = json.loads(text)
    return Result(r["requests_per_second"], r["bytes_per_second"], r["latency_p50_us"],
                  r["latency_p99_us"], r["latency_max_us"], r["server_cpu_us"], r["client_cpu_us"],
                  poll_us)


def run_fio(server, workload, connections, seconds, build, turn=0):
    rw = {"seqread": "read"}.get(workload.pattern, workload.pattern)
    before = server.cpu_seconds()
    text = call(["fio", "--name=bench", "--ioengine=nbd", "--thread",
                 f"--uri=nbd+unix:///{servers.EXPORT}?socket={server.path}", f"--rw={rw}",
                 f"--bs={workload.block}", f"--iodepth={workload.depth}",
                 f"--numjobs={connections}", f"--size={servers.DISK_BYTES}", "--group_reporting",
                 "--time_based", f"--runtime={max(1, round(seconds))}", "--output-format=json"],
                seconds + 60)
    cpu_us = (server.cpu_seconds() - before) * 1e6
    job = json.loads(text[text.index("{"):])["jobs"][0]
    side = job["write" if "write" in rw else "read"]
    n = max(1, side["total_ios"])
    percentile = side["clat_ns"].get("percentile", {})
    client_us = (job["usr_cpu"] + job["sys_cpu"]) / 100 * job["job_runtime"] * 1000 / n
    return Result(side["iops"], side["bw_bytes"], percentile.get("50.000000", 0) / 1e3,
                  percentile.get("99.000000", 0) / 1e3, side["clat_ns"]["max"] / 1e3,
                  cpu_us / n, client_us)


def best(results):
    """The run with the highest rate: noise only takes. README.md tells how far that holds, and why
    not for p50 and p99, which are the medians of all runs with the same client. The spread says how
    far below the best the slowest of those was."""
    found = max(results, key=lambda r: r.rate)
    alike = [r for r in results if r.poll_us == found.poll_us]
    return found._replace(spread=1 - min(r.rate for r in alike) / found.rate,
                          p50_us=statistics.median(r.p50_us for r in alike),
                          p99_us=statistics.median(r.p99_us for r in alike))


def qemu_layers(driver, layers):
    """Options for `layers` of a pass-through driver over null-co."""
    child = "image." if driver == "blkdebug" else "file."
    options = [f"{child * i}driver={driver}" for i in range(layers)]
    options += [f"{child * layers}driver=null-co", f"{child * layers}size={1 << 30}"]
    return ",".join(options)


def qemu_null(prefix):
    """What reads as zeroes, as our null does."""
    return f"{prefix}driver=null-co,{prefix}size=1G,{prefix}read-zeroes=on"


def qemu_quorum(n):
    children = ",".join(qemu_null(f"children.{i}.") for i in range(n))
    return f"driver=quorum,vote-threshold={n // 2 + 1},{children}"


def run_qemu_img_bench(driver, layers, depth, requests):
    return run_qemu_img_bench_of(qemu_layers(driver, layers), depth, requests)


def run_qemu_img_bench_of(image, depth, requests):
    """Returns microseconds a request."""
    text = call(["qemu-img", "bench", "-c", str(requests), "-d", str(depth), "-s", "4096",
                 "--image-opts", image], 120)
    return float(text.rsplit("completed in ", 1)[1].split()[0]) * 1e6 / requests
