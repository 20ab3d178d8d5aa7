# clients.py - NBD clients that use one server: ours, QEMU's, and the load generator
# SPDX-License-Identifier: LGPL-2.1-or-later

import collections
import json
import os
import shutil
import subprocess
import tempfile

from . import loads, report, servers

Case = collections.namedtuple("Case", "name pattern depth bytes goal_us")
# Microseconds of the client's CPU time for one request, and requests a second.
Cost = collections.namedtuple("Cost", "cpu_us rate")

CASES = [
    Case("randread-1", "randread", 1, 4096, None),
    Case("randread-32", "randread", 32, 4096, 2),
    Case("randwrite-32", "randwrite", 32, 4096, None),
    Case("randread-1M", "randread", 8, 1 << 20, None),
]
# Of requests in one run, so that all cases take about as long.
SMALL, LARGE = 100000, 4000


def n_requests(case, options):
    n = SMALL if case.bytes == 4096 else LARGE
    return n // 5 if options.quick else n


def is_write(case):
    return case.pattern == "randwrite"


def run_ours(server, case, options):
    env = dict(os.environ)
    env.setdefault("BANYAN_PLUGIN_PATH", os.path.join(options.build, "frontends"))
    done = subprocess.run([os.path.join(options.build, "tests/bench/bench-nbd-client"), server.path,
                           servers.EXPORT, str(case.depth), str(case.bytes),
                           str(n_requests(case, options)), *(["write"] if is_write(case) else [])],
                          env=env, text=True, timeout=120, capture_output=True)
    if done.returncode != 0:
        raise loads.RunFailed(done.stderr.strip() or "no word")
    found = json.loads(done.stdout)
    return Cost(found["client_cpu_us"], found["requests_per_second"])


def run_qemu(server, case, options):
    """The whole process, of which all but a few milliseconds are the requests."""
    n = n_requests(case, options)
    command = ["qemu-img", "bench", "-c", str(n), "-d", str(case.depth), "-s", str(case.bytes), "-f",
               "raw", *(["-w", "-t", "none"] if is_write(case) else []), f"nbd+unix:///{servers.EXPORT}?socket={server.path}"]
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read()
    if process.returncode != 0:
        raise loads.RunFailed(text.strip().splitlines()[-1])
    seconds = float(text.rsplit("completed in ", 1)[1].split()[0])
    return Cost((usage.ru_utime + usage.ru_stime) * 1e6 / n, n / seconds)


def run_load(server, case, options):
    text = loads.call([os.path.join(options.build, "tests/bench/nbd-load"), "--unix", server.path,
                       "--export", servers.EXPORT, "--depth", str(case.depth), "--block-size",
                       str(case.bytes), "--pattern", case.pattern, "--size",
                       str(servers.DISK_BYTES), "--seconds", str(options.seconds), "--json"],
                      options.seconds + 60)
    found = json.loads(text)
    return Cost(found["client_cpu_us"], found["requests_per_second"])


CLIENTS = {"banyan": run_ours, "qemu-img": run_qemu, "nbd-load": run_load}


def measure(options, fill, tell):
    """From memory that `fill` has filled: of zeroes a server may say that they are, in place of
    sending them. Interleaved; of each the run that cost least, since noise only adds. Returns {(case, client):
    Cost, or why there is none}."""
    found = {}
    cupboard = servers.Cupboard(options.folder)
    server = servers.make("banyan", "memory", cupboard, options.build)
    try:
        server.start()
        fill(options, server)
        for case in CASES:
            for turn in range(options.runs):
                for name, run in CLIENTS.items():
                    tell(f"nbd client {case.name}: {name} {turn + 1}")
                    note(found, (case, name), name, lambda: run(server, case, options))
    finally:
        server.stop()
        cupboard.remove()
        tell("")
    return found


def note(found, key, name, run):
    if isinstance(found.get(key), str):
        return
    if name == "qemu-img" and shutil.which(name) is None:
        found[key] = f"{name} is not installed"
        return
    try:
        cost = run()
    except loads.RunFailed as e:
        found[key] = str(e)
        return
    found[key] = min(found.get(key, cost), cost)


HEAD = ["workload", "client", "server", "cpu us/op", "ops/s", "goals"]


def goal_of(case, cost):
    return report.Goal(f"cpu <= {case.goal_us} us", cost.cpu_us, None, most=case.goal_us)


def show(found):
    lines = []
    for (case, name), cost in found.items():
        if isinstance(cost, str):
            lines.append([case.name, name, "banyan", "", "", cost])
            continue
        has_goal = name == "banyan" and case.goal_us is not None
        lines.append([case.name, name, "banyan", report.number(cost.cpu_us, 2),
                      report.number(cost.rate), goal_of(case, cost).line() if has_goal else ""])
    report.print_table(HEAD, lines)


def as_json(found):
    return [{"workload": case.name, "client": name,
             **({"failed": cost} if isinstance(cost, str) else cost._asdict())}
            for (case, name), cost in found.items()]
