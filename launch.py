"""Starts Easel: `python launch.py`. Needs nothing but Python 3.11 or 3.12.

The first start makes `.venv` beside this file, installs the exact pins of requirements.txt and writes down what it installed;
every later start compares that in milliseconds and hands over to modules.cli at once. A start that was killed half-way is repaired.

    python launch.py [serve] [flags]     the page          python launch.py generate "PROMPT"      pictures without a page
    python launch.py rerun FILE          a picture again   python launch.py test                   all tests
    python launch.py pack FILE           a copy with its inputs    python launch.py clean FILE     a copy without a text
    python launch.py tidy                inputs nothing names      python launch.py doctor         what is here, what is missing
    python launch.py import-a1111 DIR    settings and models of an A1111 installation
    python launch.py models [PATH]       what each model file is
    python launch.py train WHAT FOLDER   a LoRA and more from pictures    python launch.py train starter    the starter model from nothing

Environment: COMMANDLINE_ARGS (flags put before those typed), TORCH_INDEX_URL (where the build of torch comes from),
TORCH_COMMAND (installs torch in place of ours, for example "pip install torch==2.13.0"), and pip's own variables.
`--skip-install` installs nothing: Easel runs in the environment you are in (venv or conda), else in .venv.

Standard library only, and written so that any Python 3.6 or later can read it and say what is wrong.
"""

import contextlib
import hashlib
import importlib
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any, Iterator

PROJECT = Path(__file__).resolve().parent
VENV = PROJECT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
STAMP = VENV / "easel-installed.json"
UNFINISHED = VENV / "easel-unfinished"
LOCK = PROJECT / ".venv.lock"
REQUIREMENTS = PROJECT / "requirements.txt"
ALONE = PROJECT / "requirements-alone.txt"
TEST_REQUIREMENTS = PROJECT / "tests" / "requirements.txt"

TORCH = "torch==2.13.0"
PYTHONS = ((3, 11), (3, 12))
COMMANDS = ("serve", "generate", "rerun", "pack", "clean", "tidy", "test", "doctor", "models", "import-a1111", "inspect", "convert", "merge", "train")
PIP_PLACES = ("index-url", "extra-index-url", "find-links", "no-index")
"""Settings by which somebody told pip where to look."""


class Trouble(Exception):
    """One line for the person who started us, and an exit code of 1."""


# What to do


def arguments(typed: list, environ: dict) -> list:
    """COMMANDLINE_ARGS before what was typed, so that what was typed wins; a sub-command stays in front. What follows `test` is for pytest."""
    if typed[:1] == ["test"]:
        return typed
    try:
        given = split(environ.get("COMMANDLINE_ARGS", ""))
    except ValueError as error:
        raise Trouble("COMMANDLINE_ARGS cannot be read: {}. Check its quotes.".format(error)) from None
    if typed[:1] and typed[0] in COMMANDS:
        return [typed[0]] + given + typed[1:]
    return given + typed


def split(line: str, windows: bool = sys.platform == "win32") -> list:
    """A command line into words. On Windows a backslash is part of a path, not an escape."""
    if not windows:
        return shlex.split(line)
    return [word[1:-1] if word[:1] in "'\"" and word[-1:] == word[:1] and len(word) > 1 else word for word in shlex.split(line, posix=False)]


def torch_plan(environ: dict, pip_settings: dict, system: str, machine: str, mac: str = "") -> str:
    """How torch is to be installed: "command", "index", "pip" or "uv".

    What the environment says wins. Where pip was told where to look, it knows better than we do. Otherwise uv picks the build
    for the GPU it finds (NVIDIA, AMD, Intel, none). system, machine, mac: as `platform` names them. pip_settings: from `pip config list`.
    """
    if environ.get("TORCH_COMMAND"):
        return "command"
    if environ.get("TORCH_INDEX_URL"):
        return "index"
    if system == "Darwin" and (machine == "x86_64" or mac and int(mac.split(".")[0]) < 14):
        raise Trouble(
            "{} is built for Macs with Apple's processors and macOS 14 or later. For another build, name its place with TORCH_INDEX_URL.".format(TORCH)
        )
    if any(name.split(".")[-1] in PIP_PLACES and value for name, value in pip_settings.items()):
        return "pip"
    return "uv"


def digest(*files: Path) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def wanted(environ: dict, version: str, tests: bool, installed: dict) -> dict:
    """What the stamp says when all is installed. A variable about torch that is not set now leaves torch as it was installed,
    and the tools of the tests, once installed, are kept up to date by every start."""
    return {
        "python": version,
        "requirements": digest(REQUIREMENTS, ALONE),
        "tests": digest(TEST_REQUIREMENTS) if tests or installed.get("tests") else "",
        "torch": TORCH,
        "TORCH_COMMAND": environ.get("TORCH_COMMAND") or installed.get("TORCH_COMMAND", ""),
        "TORCH_INDEX_URL": environ.get("TORCH_INDEX_URL") or installed.get("TORCH_INDEX_URL", ""),
    }


def installed() -> dict:
    """What the last finished install wrote down; {} when there was none, or when one was begun and not finished."""
    if UNFINISHED.exists() or not PYTHON.exists():
        return {}
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def ready(environ: dict, tests: bool) -> bool:
    stamp = installed()
    return bool(stamp) and stamp == wanted(environ, stamp.get("python", ""), tests, stamp)


def version_of(python: Path) -> str:
    """ "3.11", or "" when it does not run."""
    try:
        asked = subprocess.run(
            [str(python), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return asked.stdout.decode("ascii", "replace").strip()


# Installing


def say(text: str) -> None:
    print(text, flush=True)


@contextlib.contextmanager
def alone() -> Iterator[IO[str]]:
    """Holds .venv.lock, so that two starts do not install at once. pip inherits it: the lock lives as long as an orphaned pip does."""
    try:
        handle = open(str(LOCK), "w")
    except OSError as error:
        raise Trouble(
            "{} cannot be written ({}). Easel installs into its own folder: make it writable, or copy it to a place that is.".format(PROJECT, error.strerror)
        ) from None
    with handle:
        told = False
        while not try_lock(handle):
            if not told:
                say("Another start is installing; waiting for it.")
            told = True
            time.sleep(0.5)
        yield handle


def try_lock(handle: IO[str]) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def call(lock: IO[str], *command: str) -> bool:
    """Runs a program with its output in plain sight; True when it went well."""
    try:
        return subprocess.run(command, pass_fds=() if sys.platform == "win32" else (lock.fileno(),)).returncode == 0
    except OSError as error:
        raise Trouble("{} could not be started: {}.".format(command[0], error.strerror)) from None


def pip(*words: str) -> list:
    """Compiling all byte code would take longer than installing; `load_once` compiles what is used."""
    return [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--no-user", "--no-compile", "--prefer-binary"] + list(words)


def pip_settings() -> dict:
    listed = subprocess.run([str(PYTHON), "-m", "pip", "config", "list"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    pairs = (line.split("=", 1) for line in listed.stdout.decode("utf-8", "replace").splitlines() if "=" in line)
    return {name.strip(): value.strip().strip("'\"") for name, value in pairs}


def make_venv(lock: IO[str]) -> None:
    """A .venv that works. One that we left unfinished, or whose Python is gone, is made anew; one that is not ours is never deleted."""
    works = version_of(PYTHON) in ["%d.%d" % python for python in PYTHONS]
    if works and not UNFINISHED.exists():
        return
    check_python()
    if UNFINISHED.exists() or STAMP.exists():
        say("The last install was interrupted, or its Python is gone: making .venv anew.")
        shutil.rmtree(str(VENV), ignore_errors=True)
    if VENV.exists() and any(VENV.iterdir()):
        raise Trouble("{} is there, but it is no environment of Python 3.11 or 3.12 that works. Delete it and start again.".format(VENV))
    say("1 of 3  Making {} with Python {}".format(VENV, platform.python_version()))
    VENV.mkdir(exist_ok=True)
    UNFINISHED.touch()
    if not call(lock, sys.executable, "-m", "venv", str(VENV)) or not PYTHON.exists():
        raise Trouble("Python could not make .venv; the lines above say why.")


def check_python() -> None:
    if sys.version_info[:2] not in PYTHONS:
        names = [name for name in ("python3.12", "python3.11") if version_of(Path(shutil.which(name) or name))]
        hint = "Here it is: {} launch.py".format(names[0]) if names else "Install one of them and start it with that: python3.12 launch.py"
        raise Trouble("Easel needs Python 3.11 or 3.12; this is {} ({}). {}".format(platform.python_version(), sys.executable, hint))
    try:
        import ensurepip
        import venv

        del ensurepip, venv
    except ImportError:
        name = "python%d.%d-venv" % sys.version_info[:2]
        raise Trouble("This Python cannot make virtual environments. On Debian and Ubuntu: sudo apt install {}. Then start again.".format(name)) from None


def install(environ: dict, tests: bool) -> None:
    """Brings .venv to what `wanted` says. Killed at any moment, the next start sees UNFINISHED and makes it anew;
    after a failure that pip itself reported, the next start goes on where it was."""
    started = time.monotonic()
    with alone() as lock:
        if ready(environ, tests):
            return  # another start has just done it
        before = installed()
        make_venv(lock)
        UNFINISHED.touch()
        goal = wanted(environ, version_of(PYTHON), tests, before)
        try:
            install_packages(lock, before, goal)
        except Trouble:
            with contextlib.suppress(OSError):
                STAMP.unlink()
            UNFINISHED.unlink()
            raise
        say("3 of 3  Loading everything once, so that later starts are quick")
        load_once()
        partial = STAMP.with_suffix(".partial")
        partial.write_text(json.dumps(goal, indent=1), encoding="utf-8")
        os.replace(str(partial), str(STAMP))
        UNFINISHED.unlink()
    say("Installed in {:.0f} s.".format(time.monotonic() - started))


def load_once() -> None:
    """Compiles the tenth of all the packages' files that Easel imports, by importing them; page and engine side by side."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    loads = [
        subprocess.Popen([str(PYTHON), "-c", "import " + name], cwd=str(PROJECT), env=environ) for name in ("modules.engine.generate", "modules.serve.page")
    ]
    codes = [load.wait() for load in loads]
    if any(codes):
        say("Something could not be loaded; the lines above say what. `python launch.py doctor` may say what to do.")


def install_packages(lock: IO[str], before: dict, goal: dict) -> None:
    if before and all(before.get(key) == goal[key] for key in ("python", "torch", "TORCH_COMMAND", "TORCH_INDEX_URL")):
        say("2 of 3  Installing the packages that changed")
        done = before.get("requirements") == goal["requirements"] or call(lock, *pip("-r", str(REQUIREMENTS)))
    else:
        choice = {name: goal[name] for name in ("TORCH_COMMAND", "TORCH_INDEX_URL")}
        done = install_with_torch(lock, torch_plan(choice, pip_settings(), platform.system(), platform.machine(), platform.mac_ver()[0]), choice)
    if done and goal["requirements"] != before.get("requirements"):
        done = call(lock, *pip("--no-deps", "-r", str(ALONE)))
    if done and goal["tests"] and goal["tests"] != before.get("tests"):
        done = call(lock, *pip("-r", str(TEST_REQUIREMENTS)))
    if not done:
        free = shutil.disk_usage(str(PROJECT)).free / 1e9
        raise Trouble(
            "Installing failed; the lines above say why. Often it is the network, or a full disk (free: {:.1f} GB). Start again to go on.".format(free)
        )


def install_with_torch(lock: IO[str], plan: str, choice: dict) -> bool:
    packages = ["-r", str(REQUIREMENTS)]
    if plan == "command":
        words = split(choice["TORCH_COMMAND"])
        say("2 of 3  Installing torch by TORCH_COMMAND, then the packages")
        return call(lock, *([str(PYTHON), "-m"] if words[:1] == ["pip"] else []), *words) and call(lock, *pip(*packages))
    if plan == "index":
        say("2 of 3  Installing {} from TORCH_INDEX_URL, then the packages".format(TORCH))
        return call(lock, *pip(TORCH, "--index-url", choice["TORCH_INDEX_URL"])) and call(lock, *pip(*packages))
    say("2 of 3  Installing {} and the packages, once: 1 to 6 GB on disk, most of it torch".format(TORCH))
    if plan == "uv":
        # uv knows which build of torch suits which GPU and driver, and downloads in parallel
        pin = next(line.split()[0] for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines() if line.startswith("uv=="))
        by_uv = [str(PYTHON), "-m", "uv", "pip", "install", "--python", str(PYTHON), "--torch-backend=auto", TORCH]
        if call(lock, *pip("--quiet", pin)) and call(lock, *by_uv, *packages):
            return True
        say("That did not work with uv. Trying pip, which takes the usual build of torch.")
    return call(lock, *pip(TORCH, *packages))


# Handing over


def inside(folder: Path) -> bool:
    return Path(sys.prefix).resolve() == folder.resolve()


def own_environment() -> bool:
    """Whether we run in somebody's venv or conda environment."""
    return sys.prefix != sys.base_prefix or bool(os.environ.get("CONDA_PREFIX")) and Path(sys.prefix).resolve() == Path(os.environ["CONDA_PREFIX"]).resolve()


def start_with(python: str, words: list) -> int:
    """The same file again, by another Python. On POSIX we become it; Windows has no such call."""
    command = [python, str(PROJECT / "launch.py")] + words
    if sys.platform != "win32":
        sys.stdout.flush()
        os.execv(python, command)
    child = subprocess.Popen(command)
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            continue  # the child has seen Ctrl+C, too, and is about to end


def serve(app: Any, options: Any) -> int:
    """Layer 8 is handed to layer 7 here, and imported only when a page or an API is to be served."""
    way = importlib.import_module("modules.serve.bare" if options.serve.nowebui else "modules.serve.page")
    return way.serve(app, options)


def run(words: list) -> int:
    """Easel itself, in this very process."""
    sys.path.insert(0, str(PROJECT))
    try:
        from modules import cli
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "modules":
            raise
        raise Trouble(
            "The package {} is missing in {}. Start once without --skip-install, or install requirements.txt, requirements-alone.txt (with --no-deps) and {} there.".format(
                error.name, sys.prefix, TORCH
            )
        ) from None
    return cli.main(words, serve)


def main() -> int:
    words = arguments(sys.argv[1:], dict(os.environ))
    os.environ.pop("COMMANDLINE_ARGS", None)  # merged; who comes after us must not merge it again
    if "--skip-install" in words:
        words = [word for word in words if word != "--skip-install"]
        if own_environment() or not PYTHON.exists():
            return run(words)
        return start_with(str(PYTHON), ["--skip-install"] + words)

    environ, tests = dict(os.environ), words[:1] == ["test"]
    if inside(VENV):
        if installed().get("python") != "%d.%d" % sys.version_info[:2] and STAMP.exists():
            UNFINISHED.touch()  # the system's Python changed under .venv: packages of another version lie in it
        if ready(environ, tests):
            return run(words)
        return start_with(getattr(sys, "_base_executable", sys.executable), words)  # .venv cannot be repaired from inside
    if not ready(environ, tests):
        if not installed() and ("-h" in words or "--help" in words):
            say(str(__doc__))
            return 0
        install(environ, tests)
    return start_with(str(PYTHON), words)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Trouble as trouble:
        sys.exit("error: {}".format(trouble))
    except KeyboardInterrupt:
        sys.exit(130)
