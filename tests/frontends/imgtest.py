# imgtest.py - what the tests of banyan img beside qemu-img share: a chain of images, and both programs
# SPDX-License-Identifier: LGPL-2.1-or-later

import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile

from clitest import Skip, banyan

MIB = 1 << 20


@contextlib.contextmanager
def chain():
    """A raw base, and two images above it, each with something of its own."""
    if shutil.which("qemu-img") is None or shutil.which("qemu-io") is None:
        raise Skip("there is no qemu-img")
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        try:
            pathlib.Path("base.raw").write_bytes(b"b" * MIB + bytes(3 * MIB))
            qemu("create", "-f", "qcow2", "-b", "base.raw", "-F", "raw", "mid.qcow2")
            qemu("create", "-f", "qcow2", "-b", "mid.qcow2", "-F", "qcow2", "top.qcow2", "5M")
            put("mid.qcow2", "write -P 0x6d 256k 128k", "write -P 0x6d 2M 64k")
            put("top.qcow2", "write -P 0x74 320k 128k", "write -z 512k 64k", "write -P 0x74 4M 64k")
            yield pathlib.Path(name)
        finally:
            os.chdir(before)


def qemu(*words):
    return subprocess.run(["qemu-img", *words], check=True, text=True, stdout=subprocess.PIPE).stdout


def put(image, *commands):
    words = [word for command in commands for word in ("-c", command)]
    subprocess.run(["qemu-io", "-f", "qcow2", *words, image], check=True, stdout=subprocess.PIPE)


def img(*words, **more):
    return banyan("img", *words, **more)


def content(image):
    qemu("convert", "-f", "qcow2" if image.endswith("qcow2") else "raw", "-O", "raw", image, "content.raw")
    return pathlib.Path("content.raw").read_bytes()
