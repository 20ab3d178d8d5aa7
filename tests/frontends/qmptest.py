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
    """Sends what it is told to send, and takes messages apart."""

    def __init__(self, path, negotiate=True, enable=()):
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

    def receive(self):
        """One message, whatever it is; None when the server has hung up."""
        while b"\n" not in self.buffer:
            data = self.socket.recv(1 << 16)
            if not data:
                return None
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

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
        return answer["return"]


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


@contextlib.contextmanager
def connected(text=DOCUMENT, *options, **more):
    with server(text, *options, **more) as (folder, _):
        client = Client(folder / "qmp.sock")
        try:
            yield client, folder
        finally:
            client.close()
