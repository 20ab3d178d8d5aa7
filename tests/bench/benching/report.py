# report.py - goals and tables
# SPDX-License-Identifier: LGPL-2.1-or-later

from . import servers


class Goal:
    """`text` says what was set out to be reached: `least` or `most` of a figure. `bare` is the bare
    loop's, or of what `limit` names (None: not measured): where that misses it too, the machine is the
    limit and not we."""

    def __init__(self, text, figure, bare, least=None, most=None, limit="the bare loop"):
        self.text, self.figure, self.bare, self.limit = text, figure, bare, limit
        self.least, self.most = least, most

    def is_met_by(self, figure):
        return figure >= self.least if self.most is None else figure <= self.most

    def line(self):
        met = "met" if self.is_met_by(self.figure) else "not met"
        bare = ""
        if self.bare is not None and not self.is_met_by(self.bare):
            bare = f"; {self.limit}: {self.bare:.2f}"
        return f"{self.text}: {met} ({self.figure:.2f}{bare})"

    def json(self):
        return {"goal": self.text, "figure": round(self.figure, 2),
                "met": self.is_met_by(self.figure),
                "bare": None if self.bare is None else round(self.bare, 2)}


def goals(backend, workload, rows):
    """Only where both sides were measured."""
    ours, qemu, bare = (rows.get(name) for name in ("banyan", "qemu-nbd", "bare"))
    if ours is None:
        return []
    if workload.depth == 1:
        return [Goal("p50 <= 1.5 x bare", ours.p50_us / bare.p50_us, None, most=1.5)] if bare else []

    found = []
    most, least = (5, 2.5) if servers.is_file(backend) else (2, 4)
    if workload.pattern == "seqread":
        least = 2
    else:
        found.append(Goal(f"cpu <= {most} us", ours.server_us, bare and bare.server_us, most=most))
    if qemu is not None:
        found.append(Goal(f">= {least} x qemu-nbd", ours.rate / qemu.rate,
                          bare and bare.rate / qemu.rate, least=least))
    return found


def goals_text(found):
    return "; ".join(goal.line() for goal in found)


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


def served_lines(case, has_goals):
    backend, workload, connections, rows, failures = case
    qemu = rows.get("qemu-nbd")
    peers = [rows[name] for name in servers.PEERS if name in rows]
    best = max(peers, key=lambda r: r.rate, default=None)
    lines = []
    for name in servers.NAMES:
        first = [backend, workload.name, str(connections), name]
        if name in rows:
            r = rows[name]
            text = goals_text(goals(backend, workload, rows)) if name == "banyan" and has_goals else ""
            lines.append(first + [number(r.rate), number(r.spread * 100), number(r.bytes_rate / 1e6),
                                  number(r.p50_us, 1), number(r.p99_us, 1),
                                  number(r.server_us, 2), ratio(r.rate, qemu),
                                  ratio(r.rate, best), text])
        elif name in failures:
            lines.append(first + [""] * 8 + [failures[name]])
    return lines


def print_served(cases, not_started, has_goals):
    lines = []
    for case in cases:
        if lines:
            lines.append([""] * len(SERVED_HEAD))
        lines += served_lines(case, has_goals)
    print_table(SERVED_HEAD, lines)
    for (backend, name), reason in not_started.items():
        print(f"not measured: {name} on {backend}: {reason}")


def case_json(case, has_goals):
    backend, workload, connections, rows, failures = case
    return {"backend": backend, "workload": workload.name, "connections": connections,
            "servers": {name: r._asdict() for name, r in rows.items()},
            "failed": failures,
            "goals": [goal.json() for goal in goals(backend, workload, rows)] if has_goals else []}


def print_layers(table):
    """`table` maps (driver, depth) to {layers: microseconds a request}."""
    for (driver, depth), costs in table.items():
        most = max(costs)
        line = "  ".join(f"{layers}: {us:.2f}" for layers, us in sorted(costs.items()))
        each = f", {(costs[most] - costs[0]) / most * 1000:.0f} ns a layer" if most else ""
        print(f"qemu-img bench, null-co under layers of {driver}, depth {depth}, "
              f"us a request  {line}{each}")


STACK_HEAD = ["over null", "server", "ops/s", "-%", "cpu us/op", "more than null", "x qsd"]


def print_stacks(found):
    """`found` maps (stack, server) to its best result, or is the reason why there are none. What the
    filter costs is the CPU time that it adds to null's; the last column compares the rates."""
    if isinstance(found, str):
        print(f"not measured over NBD: {found}")
        return
    lines = []
    for (stack, name), r in found.items():
        bare = found["null", name]
        lines.append([stack, name, number(r.rate), number(r.spread * 100), number(r.server_us, 2),
                      number(r.server_us - bare.server_us, 2), ratio(r.rate, found[stack, "qsd"])])
    print("\nOver NBD, 4 KiB random reads at depth 32 on one connection; limits that never bite, "
          "a quorum of three")
    print_table(STACK_HEAD, lines)


def stacks_json(found):
    if isinstance(found, str):
        return {"not_measured": found}
    return {f"{stack} {name}": r._asdict() for (stack, name), r in found.items()}
