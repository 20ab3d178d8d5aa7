# clitest.py - what the tests of the command share: claims in TAP, and running the command
# SPDX-License-Identifier: LGPL-2.1-or-later

import contextlib
import fcntl
import itertools
import os
import pathlib
import resource
import subprocess
import sys
import traceback

SOURCE = pathlib.Path(os.environ["BANYAN_SOURCE_DIR"])
BUILD = pathlib.Path(os.environ["BANYAN_BUILD_DIR"])
BANYAN = BUILD / "frontends/cli/banyan"
os.environ["PATH"] = f"{BANYAN.parent}:{os.environ['PATH']}"

_claims = []


class Skip(Exception):
    pass


def claim(words):
    """Decorates a test; `words` is what it shows."""
    def add(function):
        _claims.append((words, function))
        return function

    return add


def run():
    """Runs all claims, in their order."""
    print(f"1..{len(_claims)}")
    failed = False
    for number, (words, function) in enumerate(_claims, 1):
        before = dict(os.environ)
        try:
            function()
            print("ok", number, words, flush=True)
        except Skip as why:
            print("ok", number, words, "# SKIP", why, flush=True)
        except Exception:
            failed = True
            print("\n".join("# " + line for line in traceback.format_exc().splitlines()))
            print("not ok", number, words, flush=True)
        os.environ.clear()
        os.environ.update(before)
    sys.exit(1 if failed else 0)


def equal(got, wanted):
    if got != wanted:
        raise AssertionError(f"\ngot:    {got!r}\nwanted: {wanted!r}")


def contains(text, part):
    if part not in text:
        raise AssertionError(f"{part!r} is not in:\n{text}")


def banyan(*words, stdin=None, status=0, **environment):
    """Runs the command; its exit status must be the one given, if any."""
    result = subprocess.run([BANYAN, *map(str, words)], input=stdin, text=True, timeout=50,
                            stdin=subprocess.DEVNULL if stdin is None else None,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            env={**os.environ, "LC_ALL": "C.UTF-8", **environment})
    if status is not None and result.returncode != status:
        raise AssertionError(f"exit status {result.returncode}\n{result.stdout}\n{result.stderr}")
    return result


@contextlib.contextmanager
def serving(path, *options, prefix=(), pass_fds=(), stdout=None, **environment):
    """A server that serves; it is ended if the test has not done so."""
    reader, low = os.pipe()
    writer = fcntl.fcntl(low, fcntl.F_DUPFD, 10)  # 3 and up are for sockets that are handed over
    os.close(low)
    process = subprocess.Popen([*prefix, BANYAN, "run", "--ready-fd", str(writer), *options, path],
                               pass_fds=[writer, *pass_fds], text=True, stdout=stdout,
                               stderr=subprocess.PIPE, env={**os.environ, **environment})
    os.close(writer)
    try:
        with open(reader, encoding="utf-8") as ready:
            told = ready.read()
        if told != "ready\n":
            raise AssertionError(f"{told!r}, and says: {process.communicate()[1]}")
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def libraries():
    return subprocess.run(["ldd", BANYAN], text=True, check=True, stdout=subprocess.PIPE).stdout


def needs_sandbox(as_root=True, forks=False):
    linked = libraries()
    if forks and "tsan" in linked:
        raise Skip("in the background the thread sanitizer has begun a thread of its own before the "
                   "sandbox, which cannot confine it")
    if "asan" in linked:
        # At its end a process looks for leaks with the rights of a debugger, which it has given up.
        os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    if "libseccomp" not in linked:
        raise Skip("built without libseccomp")
    if as_root and os.geteuid() != 0:
        raise Skip("only root can become another user")


@contextlib.contextmanager
def no_more_descriptors(process):
    """Whatever it opens meanwhile is refused with EMFILE."""
    used = {int(name) for name in os.listdir(f"/proc/{process.pid}/fd")}
    free = next(number for number in itertools.count() if number not in used)
    before = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (free, before[1]))
    try:
        yield
    finally:
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, before)
