# qmptest.py - a server with a QMP socket, and a client that hides nothing
# SPDX-License-Identifier: LGPL-2.1-or-later

import array
import contextlib
import json
import os
import pathlib
import socket
import subprocess
import tempfile

from clitest import BANYAN
from qmpschema import Schema

DOCUMENT = """version: 1
nodes:
  disk0: { driver: memory, size: 1M }
frontends:
  control: { type: qmp, listen: { type: unix, path: qmp.sock } }
"""


class Refused(Exception):
    def __init__(self, error):
        super().__init__(error["desc"])
        self.error = error


class Client:
    """Sends what it is told to send, and takes messages apart. What it is told is held against the
    schema that the server gives of itself."""

    schema = None

    def __init__(self, path, negotiate=True, enable=(), checks=True):
        if checks and Client.schema is None:
            Client.schema = fetch_schema()
        self.checks = checks
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(str(path))
        self.buffer = b""
        self.events = []
        self.greeting = self.receive()
        if negotiate:
            self.run("qmp_capabilities", **({"enable": list(enable)} if enable else {}))

    def close(self):
        self.socket.close()

    def send(self, text, fds=()):
        data = text if isinstance(text, bytes) else text.encode()
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        sent = self.socket.sendmsg([data], rights)
        if sent < len(data):
            self.socket.sendall(data[sent:])

    def receive_line(self):
        """None when the server has hung up."""
        chunks = [self.buffer]
        while b"\n" not in chunks[-1]:
            data = self.socket.recv(1 << 20)
            if not data:
                return None
            chunks.append(data)
        line, self.buffer = b"".join(chunks).split(b"\n", 1)
        return line

    def receive(self):
        """One message, whatever it is; None when the server has hung up."""
        line = self.receive_line()
        message = None if line is None else json.loads(line)
        if message is not None and "event" in message and self.checks:
            self.schema.check_event(message)
        return message

    def answer(self):
        """The next message that is no event."""
        while True:
            message = self.receive()
            if message is None or "event" not in message:
                return message
            self.events.append(message)

    def event(self, name):
        for number, message in enumerate(self.events):
            if message["event"] == name:
                return self.events.pop(number)
        while True:
            message = self.receive()
            if message is None:
                raise AssertionError(f"the server hung up, and told of no {name}")
            if message.get("event") == name:
                return message
            self.events.append(message)

    def run(self, command, /, fds=(), **arguments):
        message = {"execute": command}
        if arguments:
            message["arguments"] = {key.replace("__", "-"): value
                                    for key, value in arguments.items()}
        self.send(json.dumps(message), fds)
        answer = self.answer()
        if "error" in answer:
            raise Refused(answer["error"])
        if self.checks:
            self.schema.check_result(command, answer["return"])
        return answer["return"]


def refused(client, command, /, fds=(), **arguments):
    """The error of a command that must not be carried out."""
    try:
        client.run(command, fds, **arguments)
    except Refused as error:
        return error.error
    raise AssertionError(f"{command} {arguments} was carried out")


@contextlib.contextmanager
def server(text=DOCUMENT, *options, pass_fds=(), files=None):
    """Serves the document in a folder of its own; gives the folder and the process."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name, data in (files or {}).items():
            (folder / name).write_bytes(data)
        (folder / "graph.yaml").write_text(text)
        reader, writer = os.pipe()
        process = subprocess.Popen(
            [BANYAN, "run", "--quiet", "--ready-fd", str(writer), *options, folder / "graph.yaml"],
            pass_fds=[writer, *pass_fds], text=True, stderr=subprocess.PIPE)
        os.close(writer)
        try:
            with open(reader, encoding="utf-8") as ready:
                if ready.read() != "ready\n":
                    raise AssertionError(process.communicate()[1])
            yield folder, process
            if process.poll() is None:
                process.terminate()
            said = process.communicate(timeout=20)[1]
            if process.returncode != 0 or said:
                raise AssertionError(f"the server ended with {process.returncode}: {said}")
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()


def fetch_schema():
    with server() as (folder, _):
        client = Client(folder / "qmp.sock", checks=False)
        schema = Schema(client.run("query-qmp-schema"))
        client.close()
        return schema


@contextlib.contextmanager
def connected(text=DOCUMENT, *options, **more):
    with server(text, *options, **more) as (folder, _):
        client = Client(folder / "qmp.sock")
        try:
            yield client, folder
        finally:
            client.close()
