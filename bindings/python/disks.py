#!/usr/bin/python3
# disks.py - what a program does with Banyan: load, build, browse, watch, read and write, close
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Serves as example and as its own proof: each function does one thing, main() all of them.

Run it from the source tree with `./dev exec bindings/python/disks.py`."""

import pathlib
import tempfile

import gi

gi.require_version("Banyan", "1.0")
from gi.repository import Banyan, GLib  # noqa: E402

DOCUMENT = """\
version: 1
nodes:
  disk: { driver: memory, size: 1MiB }
  slow: { driver: delay, read-delay: 2ms, file: disk }
"""

READ_WRITE = Banyan.Permissions.CONSISTENT_READ | Banyan.Permissions.WRITE


def load(path):
    """A graph as a file declares it. All problems of the file are in the one error raised."""
    graph = Banyan.Graph.new()
    graph.load_file(str(path))
    return graph


def build():
    """The same graph, made of objects whose properties are set before they are opened."""
    disk = Banyan.Object.new("memory", "disk")
    disk.props.size = 1 << 20

    slow = Banyan.Object.new("delay", "slow")
    slow.props.read_delay = 2
    slow.props.file = disk

    graph = Banyan.Graph.new()
    transaction = Banyan.Transaction.new(graph)
    transaction.add(disk, None)
    transaction.add(slow, None)
    transaction.commit()
    return graph


def in_force(value):
    """A property's value such that two graphs can be compared by it: links by path."""
    if isinstance(value, Banyan.Object):
        return value.dup_path()
    if isinstance(value, Banyan.Struct):
        return {pspec.name: in_force(value.get_property(pspec.name))
                for pspec in value.list_properties()}
    return value


def tell(graph):
    """Every node with its type, its properties and where its edges lead."""
    nodes = {}
    for node in Banyan.Object.list_children(graph.resolve("/nodes")):
        values = {pspec.name: in_force(node.get_property(pspec.name))
                  for pspec in node.list_properties()}
        edges = {edge.get_role(): in_force(edge.get_node()) for edge in node.list_children()}
        nodes[node.dup_path()] = (node.__gtype__.name, values, edges)
    return nodes


def types():
    """Name and summary of every type there is; no plugin is loaded for that."""
    return {info.get_name(): info.get_summary()
            for info in Banyan.Registry.get_default().list_types()}


def properties(name):
    """What the registry knows of one type's properties: unit, range, default and all else."""
    info = Banyan.Registry.get_default().lookup(GLib.MAXUINT32, name)
    spec = info.describe().lookup("properties")
    found = {}
    for index in range(spec.get_length()):
        entry = spec.get_item(index)
        keys = {entry.get_key(i): entry.get_item(i).get_text()
                for i in range(entry.get_length())
                if entry.get_item(i).get_kind() not in (Banyan.SpecKind.LIST, Banyan.SpecKind.MAP)}
        found[keys["name"]] = keys
    return found


def open_backend(node):
    """Where a program's own requests enter the graph."""
    return Banyan.Backend.new(node, "disks.py", READ_WRITE, Banyan.PERMISSIONS_ALL)


def copy_in_background(backend, blocks):
    """Writes all of `blocks` (offset: bytes) at once, reads them back; what was read, by offset."""
    loop = GLib.MainLoop()
    read, failures, waiting = {}, [], set(blocks)

    def has_read(backend, result, offset):
        try:
            read[offset] = backend.read_finish(result).get_data()
        except GLib.Error as error:
            failures.append(error)
        done(offset)

    def has_written(backend, result, offset):
        try:
            backend.write_finish(result)
        except GLib.Error as error:
            failures.append(error)
            done(offset)
        else:
            backend.read_async(offset, len(blocks[offset]), None, has_read, offset)

    def done(offset):
        waiting.remove(offset)
        if not waiting:
            loop.quit()

    for offset, data in blocks.items():
        backend.write_async(offset, GLib.Bytes.new(data), 0, None, has_written, offset)
    loop.run()
    if failures:
        raise failures[0]
    return read


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "disks.yaml")
        path.write_text(DOCUMENT)
        loaded = load(path)
    built = build()
    print("the same graph:", "yes" if tell(loaded) == tell(built) else "no")

    print("types:", ", ".join(sorted(types())))
    delay = properties("delay")["read-delay"]
    print(f"read-delay: {delay['blurb']}, {delay['range-text']}, default {delay['default']}")

    slow = built.get_node("slow")
    slow.connect("notify::read-delay",
                 lambda node, pspec: print(pspec.name, "is now", node.props.read_delay))
    slow.set("read-delay", "5ms")

    backend = open_backend(slow)
    read = copy_in_background(backend, {0: b"first", 4096: b"second"})
    print("read:", *(read[offset].decode() for offset in sorted(read)))
    backend.write(8192, GLib.Bytes.new(b"third"), 0)
    backend.flush()
    print("read:", backend.read(8192, 5).get_data().decode())

    backend.close()
    built.close()
    loaded.close()
    print("state:", slow.get_state().value_nick)


if __name__ == "__main__":
    main()
