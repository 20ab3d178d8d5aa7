# banyan-gdb.py - coroutines in gdb: `source tools/banyan-gdb.py`, then `help banyan`
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What gdb needs to know of Banyan's coroutines.

A coroutine that is not running exists only as three saved registers (stack pointer, frame pointer,
where to go on). On a live process gdb can be shown its stack by borrowing the registers of the
current thread for a moment; in a core file, where registers cannot be set, the chain of frame
pointers is followed instead.
"""

import gdb

REGISTERS = {
    "x86-64": ("rsp", "rbp", "rip"),
    "aarch64": ("sp", "x29", "pc"),
}
STATE_PREFIX = "BANYAN_COROUTINE_"


def registry():
    """Every coroutine that was ever made, pooled ones included."""
    coroutine = gdb.parse_and_eval("banyan_coroutine_registry")
    while coroutine:
        yield coroutine
        coroutine = coroutine["registered"]


def state_of(coroutine):
    return str(coroutine["state"]).replace(STATE_PREFIX, "").lower()


def is_alive(coroutine):
    return state_of(coroutine) != "pooled"


def name_at(address):
    block = gdb.block_for_pc(int(address))
    while block and not block.function:
        block = block.superblock
    return block.function.print_name if block else hex(int(address))


def name_of(coroutine):
    return name_at(coroutine["func"])


def runs_now(coroutine):
    """Whether a thread is on this stack: then its registers are there, not in the coroutine."""
    stack = int(coroutine["stack"])
    before = gdb.selected_thread()
    try:
        for thread in gdb.selected_inferior().threads():
            thread.switch()
            if stack <= int(gdb.newest_frame().read_register("sp")) < int(coroutine):
                return thread
    finally:
        if before:
            before.switch()
    return None


def saved_registers(coroutine):
    context = coroutine["context"]
    if "sp" not in [field.name for field in context.type.fields()]:
        raise gdb.GdbError("this build switches stacks by ucontext: use -Dcoroutine=auto")
    return [int(context[name]) for name in ("sp", "fp", "pc")]


def register_names():
    architecture = gdb.selected_frame().architecture().name()
    for key, names in REGISTERS.items():
        if key in architecture:
            return names
    raise gdb.GdbError("no registers known for %s" % architecture)


def backtrace_with(values):
    """The backtrace of other registers, which are put back whatever happens."""
    names = register_names()
    gdb.newest_frame().select()
    before = [int(gdb.parse_and_eval("(unsigned long) $" + name)) for name in names]
    try:
        for name, value in zip(names, values):
            gdb.execute("set $%s = %d" % (name, value))
        gdb.execute("backtrace")
    finally:
        for name, value in zip(names, before):
            gdb.execute("set $%s = %d" % (name, value))


def backtrace_by_frame_pointers(values):
    _, frame, address = values
    word = gdb.lookup_type("unsigned long").pointer()
    depth = 0
    while address:
        print("#%-2d 0x%016x in %s ()" % (depth, address, name_at(address - (depth > 0))))
        if not frame:
            break
        record = gdb.Value(frame).cast(word)
        frame, address = int(record[0]), int(record[1])
        depth += 1


def backtrace(coroutine):
    thread = runs_now(coroutine)
    if thread:
        before = gdb.selected_thread()
        thread.switch()
        gdb.execute("backtrace")
        before.switch()
        return

    values = saved_registers(coroutine)
    try:
        backtrace_with(values)
    except gdb.error:
        backtrace_by_frame_pointers(values)


class Banyan(gdb.Command):
    """Commands for programs that use Banyan."""

    def __init__(self):
        super().__init__("banyan", gdb.COMMAND_STACK, prefix=True)


class Coroutines(gdb.Command):
    """List the coroutines of all threads that have not ended: address, loop, state, function."""

    def __init__(self):
        super().__init__("banyan coroutines", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        for coroutine in filter(is_alive, registry()):
            loop = coroutine["loop"]
            print("0x%x  %-12s %-10s %s" % (int(coroutine), loop["name"].string(),
                                            state_of(coroutine), name_of(coroutine)))


class Backtrace(gdb.Command):
    """Print the backtrace of a coroutine: banyan bt COROUTINE, or banyan bt all."""

    def __init__(self):
        super().__init__("banyan bt", gdb.COMMAND_STACK, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument, from_tty):
        if not argument:
            raise gdb.GdbError("which coroutine? `banyan coroutines` lists them")
        if argument == "all":
            for coroutine in filter(is_alive, registry()):
                print("\ncoroutine 0x%x, %s:" % (int(coroutine), state_of(coroutine)))
                backtrace(coroutine)
            return

        kind = gdb.lookup_type("struct _BanyanCoroutine").pointer()
        wanted = int(gdb.parse_and_eval(argument))
        if wanted not in [int(coroutine) for coroutine in registry()]:
            raise gdb.GdbError("there is no coroutine at 0x%x" % wanted)
        coroutine = gdb.Value(wanted).cast(kind)
        if not is_alive(coroutine):
            raise gdb.GdbError("the coroutine at 0x%x has ended" % wanted)
        backtrace(coroutine)


Banyan()
Coroutines()
Backtrace()
