"""Checks that the venv is what the lock says and that all of it can be imported."""

import importlib
import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from importlib.util import find_spec
from pathlib import Path


def checks() -> Iterator[tuple[str, str]]:
    """Each check and what is wrong, "" when nothing is."""
    lock = Path("requirements.txt").read_text(encoding="utf-8")
    locked = dict(re.findall(r"^([\w.-]+)==(\S+)", lock, re.MULTILINE))
    found = {canonical(each.name): each.version for each in distributions()}
    yield "the venv holds what the lock names", difference(found, locked)
    yield "pip cannot be imported", "it can" if find_spec("pip") else ""
    yield "there is no bytecode", str(next(Path(sys.prefix).rglob("*.pyc"), ""))
    for distribution in sorted(distributions(), key=lambda each: each.name):
        yield f"{distribution.name} can be imported", import_failure(distribution)


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def difference(found: dict[str, str], locked: dict[str, str]) -> str:
    differing = sorted(set(found.items()) ^ set(locked.items()))
    return ", ".join(f"{name} {version}" for name, version in differing)


def import_failure(distribution: Distribution) -> str:
    modules = top_modules(distribution)
    try:
        for module in modules:
            importlib.import_module(module)
    except ImportError as error:
        return str(error)
    return "" if modules else "it has no module"


def top_modules(distribution: Distribution) -> list[str]:
    """Modules that lie in no package of the distribution; namespaces such as google are none."""
    sources = [file for file in distribution.files or [] if file.suffix == ".py"]
    packages = {file.parent for file in sources if file.name == "__init__.py"}
    modules = packages | {file.with_suffix("") for file in sources if file.name != "__init__.py"}
    return sorted(".".join(each.parts) for each in modules if packages.isdisjoint(each.parents))


results = list(checks())
failures = [f"{check}: {failure}\n" for check, failure in results if failure]
sys.stderr.writelines(failures)
sys.stdout.write(f"{len(results) - len(failures)} passed, {len(failures)} failed\n")
sys.exit(1 if failures else 0)
