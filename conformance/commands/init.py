"""`dense-conformance init`: an adapter to begin with, and a CI set-up for somebody's own repository.

Both run as they are written, and nothing that is there is written over.
"""

from __future__ import annotations

import argparse
import datetime
import json
import tomllib
from collections.abc import Container, Iterator, Mapping
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path
from string import Template

from conformance import __version__
from conformance.api import UsageError
from conformance.commands.waivers import DAYS
from conformance.implementations import frameworks
from conformance.implementations.load import load
from conformance.recording import oracle_named
from conformance.screen import aside
from conformance.session import converse
from conformance.waivers.file import read

TEMPLATES = files("conformance.commands") / "templates"
ADAPTER = "my_adapter.py"
#: The file of known failures that the others name.
WAIVERS = "tests/dense_waivers.toml"
#: What a CI set-up consists of: each file, and its template.
CI: Mapping[str, str] = {
    "tests/test_dense_conformance.py": "ci_test.py.txt",
    WAIVERS: "ci_waivers.toml.txt",
    "tox.ini": "ci_tox.ini.txt",
    ".github/workflows/dense-conformance.yml": "ci_workflow.yml.txt",
}
#: The section of tox.ini that the others name.
ENVIRONMENT = "[testenv:dense-conformance]"
#: What installs the suite's extras, by the oracle that judges.
EXTRAS: Mapping[str, str] = {"tensorflow": "tensorflow,pytest", "recorded": "pytest"}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "init",
        help="begin an adapter, or a CI set-up",
        description="adapter [FILE]: an adapter in NumPy, of five methods, to be filled with calls of a framework. "
        "ci IMPLEMENTATION: a pytest file, a file of waivers, a tox environment and a GitHub workflow for the "
        "repository of the current folder. Nothing: both, for that adapter. All of it runs as it is, and nothing is "
        "written over.",
    )
    parser.add_argument("what", nargs="?", choices=["adapter", "ci"])
    parser.add_argument("subject", nargs="?", default="", metavar="FILE-OR-IMPLEMENTATION")
    parser.add_argument(
        "--oracle", choices=list(EXTRAS), help="who judges (default: recorded, but tensorflow for a Keras layer)"
    )
    parser.add_argument(
        "--package", default="", metavar="REQUIREMENT", help="what pip installs the suite from (default: as it is here)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    what, subject = arguments.what, arguments.subject
    if what == "ci" and not subject:
        raise UsageError("init ci needs what is to be judged: pkg.module:Name, path/to/file.py:Name, a framework")
    adapter = {subject or ADAPTER: _template("adapter.py.txt")} if what != "ci" else {}
    naming = subject if what == "ci" else f"{ADAPTER}:Adapter"
    _refuse_what_is_there(adapter, what)
    if what == "adapter":
        _write(adapter)
        file = next(iter(adapter))
        print(f"{file} is written; judge it: dense-conformance run {file}:Adapter --oracle recorded --tier smoke")
        return 0
    oracle = arguments.oracle or ("recorded" if adapter else _oracle_for(naming))
    environment = _environment(naming, oracle, arguments.package)
    has_tox, has_waivers = _tox_settings(), _has_waivers()
    kept = {name for name, is_there in (("tox.ini", has_tox), (WAIVERS, has_waivers)) if is_there}
    _write({**adapter, **_ci(naming, oracle, environment, kept)})
    print(*_told(environment, has_tox, has_waivers), sep="\n")
    return 0


def _template(name: str, **words: str) -> str:
    text = (TEMPLATES / name).read_text("utf-8")
    return Template(text).substitute(words) if words else text


def _refuse_what_is_there(adapter: Mapping[str, str], what: str | None) -> None:
    """Before anything is written; tox's settings and waivers may be there."""
    targets = [*adapter, *(CI if what != "adapter" else ())]
    there = [name for name in targets if Path(name).exists() and name not in ("tox.ini", WAIVERS)]
    if there:
        raise UsageError(
            f"already there, so that nothing was written: {', '.join(there)}; move it away, or name another file"
        )


def _write(texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        with Path(name).open("x", encoding="utf-8") as file:
            file.write(text)


def _oracle_for(naming: str) -> str:
    """Who can judge it. Raises NamingError or PlugError for what cannot be judged: the set-up would fail as written."""
    with aside():
        implementation = load(naming)
        oracle = "tensorflow" if "keras" in implementation.capabilities else "recorded"
        converse(implementation, oracle_named(oracle))
    return oracle


def _ci(naming: str, oracle: str, environment: str, kept: Container[str]) -> dict[str, str]:
    """Every file that is to be written: all but those that are kept as they are."""
    expires = datetime.date.today() + datetime.timedelta(days=DAYS)
    words = {"naming": _as_python(naming), "oracle": oracle, "environment": environment}
    words |= {"waivers": WAIVERS, "expires": str(expires)}
    return {name: _template(template, **words) for name, template in CI.items() if name not in kept}


def _as_python(naming: str) -> str:
    """An expression: a file is found from the root of the repository, wherever pytest is called."""
    module, _, name = naming.rpartition(":")
    if not module.endswith(".py") or naming.startswith("exec:"):
        return _quoted(naming)
    return f"str(ROOT / {_quoted(Path(module).as_posix())}) + {_quoted(f':{name}')}"


def _quoted(text: str) -> str:
    """A literal of Python: what JSON writes is one, where it escapes no more than it must."""
    return json.dumps(text, ensure_ascii=False)


def _environment(naming: str, oracle: str, package: str) -> str:
    """The section of tox.ini."""
    requirements = [package or _requirement(EXTRAS[oracle])]
    if naming in frameworks.NAMES:
        framework = import_module(f"{frameworks.__name__}.{naming}").PACKAGE
        requirements += framework.split() if not framework.startswith("npm ") else []
    return _template(
        "ci_environment.ini.txt",
        package="wheel" if _is_package() else "skip",
        requirements="\n    ".join(requirements),
        waivers=WAIVERS,
    ).rstrip()


def _requirement(extras: str) -> str:
    """The suite as it is installed here: from the same address, or of the same version."""
    name = f"dense-conformance[{extras}]"
    try:
        origin = json.loads(distribution("dense-conformance").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        origin = {}
    if not origin:
        return f"{name}=={__version__}"
    source = origin.get("vcs_info")
    address = f"{source['vcs']}+{origin['url']}@{source['commit_id']}" if source else origin["url"]
    return f"{name} @ {address}"


def _is_package() -> bool:
    """Whether the repository can be built and installed."""
    return Path("setup.py").exists() or bool({"project", "build-system"} & set(_pyproject()))


def _pyproject() -> dict[str, object]:
    try:
        return tomllib.loads(Path("pyproject.toml").read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def _tox_settings() -> str:
    """The file that holds them; "" for none."""
    found = next((name for name in ("tox.ini", "tox.toml") if Path(name).exists()), "")
    tools = _pyproject().get("tool")
    return found or ("pyproject.toml" if isinstance(tools, dict) and "tox" in tools else "")


def _has_waivers() -> bool:
    """Whether the set-up will use a file that is there. Raises WaiverError for one that cannot be used."""
    if not Path(WAIVERS).exists():
        return False
    read(Path(WAIVERS))
    return True


def _told(environment: str, has_tox: str, has_waivers: bool) -> Iterator[str]:
    """What to do next."""
    if has_waivers:
        yield f"{WAIVERS} is there already and is used as it is."
    if has_tox and ENVIRONMENT not in Path(has_tox).read_text("utf-8", errors="replace"):
        form = "" if has_tox.endswith(".ini") else ", in the form of TOML"
        yield f"{has_tox} is there already and was left as it is; add this to it{form}:"
        yield f"\n{environment}\n"
    if "@ file:" in environment:
        yield "The suite comes from a folder of this machine. Where others are to run this, put"
        yield "an address that they can reach into its deps."
    yield "The CI set-up is written; run it: tox -e dense-conformance"
