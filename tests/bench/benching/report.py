# report.py - goals and tables
# SPDX-License-Identifier: LGPL-2.1-or-later

from . import servers


def goals(backend, workload, rows):
    """What was set out to be reached, as (text, figure, met); only where both sides were measured."""
    ours, qemu, bare = (rows.get(name) for name in ("banyan", "qemu-nbd", "bare"))
    if ours is None:
        return []
    found = []

    def ratio_goal(least):
        if qemu is not None:
            ratio = ours.rate / qemu.rate
            found.append((f">= {least} x qemu-nbd", f"{ratio:.2f}", ratio >= least))

    if workload.depth == 1:
        if bare is not None:
            ratio = ours.p50_us / bare.p50_us
            found.append(("p50 <= 1.5 x bare", f"{ratio:.2f}", ratio <= 1.5))
    elif workload.pattern == "seqread":
        ratio_goal(2)
    else:
        most, least = (5, 2.5) if backend == "raw" else (2, 4)
        found.append((f"cpu <= {most} us", f"{ours.server_us:.2f}", ours.server_us <= most))
        ratio_goal(least)
    return found


def goals_text(found):
    return "; ".join(f"{text}: {'met' if met else 'not met'} ({figure})"
                     for text, figure, met in found)


def number(value, digits=0):
    return f"{value:,.{digits}f}"


def ratio(value, base):
    return f"{value / base.rate:.2f}" if base is not None and base.rate else "-"


def print_table(head, lines):
    """Aligned: the first columns to the left, figures to the right, the last one as it is."""
    cells = [head] + lines
    widths = [max(len(line[i]) for line in cells) for i in range(len(head))]
    figures = head.index("server") + 1
    for line in cells:
        out = [line[i].ljust(widths[i]) if i < figures or i == len(head) - 1
               else line[i].rjust(widths[i]) for i in range(len(head))]
        print("  ".join(out).rstrip())


SERVED_HEAD = ["backend", "workload", "conns", "server", "ops/s", "-%", "MB/s", "p50 us", "p99 us",
               "cpu us/op", "x qemu-nbd", "x best peer", "goals"]


def served_lines(case):
    backend, workload, connections, rows, failures = case
    qemu = rows.get("qemu-nbd")
    peers = [rows[name] for name in servers.PEERS if name in rows]
    best = max(peers, key=lambda r: r.rate, default=None)
    lines = []
    for name in servers.NAMES:
        first = [backend, workload.name, str(connections), name]
        if name in rows:
            r = rows[name]
            text = goals_text(goals(backend, workload, rows)) if name == "banyan" else ""
            lines.append(first + [number(r.rate), number(r.spread * 100), number(r.bytes_rate / 1e6),
                                  number(r.p50_us, 1), number(r.p99_us, 1),
                                  number(r.server_us, 2), ratio(r.rate, qemu),
                                  ratio(r.rate, best), text])
        elif name in failures:
            lines.append(first + [""] * 8 + [failures[name]])
    return lines


def print_served(cases, not_started):
    lines = []
    for case in cases:
        if lines:
            lines.append([""] * len(SERVED_HEAD))
        lines += served_lines(case)
    print_table(SERVED_HEAD, lines)
    for (backend, name), reason in not_started.items():
        print(f"not measured: {name} on {backend}: {reason}")


def case_json(case):
    backend, workload, connections, rows, failures = case
    return {"backend": backend, "workload": workload.name, "connections": connections,
            "servers": {name: r._asdict() for name, r in rows.items()},
            "failed": failures,
            "goals": [{"goal": text, "figure": figure, "met": met}
                      for text, figure, met in goals(backend, workload, rows)]}


def print_layers(table):
    """`table` maps (driver, depth) to {layers: microseconds a request}."""
    for (driver, depth), costs in table.items():
        most = max(costs)
        line = "  ".join(f"{layers}: {us:.2f}" for layers, us in sorted(costs.items()))
        each = f", {(costs[most] - costs[0]) / most * 1000:.0f} ns a layer" if most else ""
        print(f"qemu-img bench, null-co under layers of {driver}, depth {depth}, "
              f"us a request  {line}{each}")
