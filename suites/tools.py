"""The tools, at fixed versions, installed when they are first needed and only into the folder given."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

# Those that run in one Python environment.
PYTHON = {"schemathesis": "4.32.5", "squawk-cli": "2.70.0"}

# npm packages by tool. They can't share a folder: they need different versions of the same libraries.
NODE = {
    "buf": {"@bufbuild/buf": "1.75.0"},
    "spectral": {"@stoplight/spectral-cli": "6.16.3", "@stoplight/spectral-owasp-ruleset": "2.0.1"},
    "redocly": {"@redocly/cli": "2.77.0"},
    "graphql-http": {"graphql-http": "1.23.1", "graphql": "16.15.0"},
}


class Missing(Exception):
    """Something that must be on the machine is not; the message says the remedy."""


class Tools:
    def __init__(self, folder: Path):
        self.folder = folder

    def python(self, program: str) -> Path:
        """A program of the Python environment."""
        environment = self.folder / "python"
        wanted = "\n".join(f"{name}=={version}" for name, version in PYTHON.items())
        if not installed(environment, wanted):
            if run([sys.executable, "-m", "venv", "--clear", environment]) != 0:
                raise Missing("Python's venv does not work here: install it (Debian: apt-get install python3-venv)")
            say("Installing " + " ".join(wanted.split()))
            pip = [environment / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            if run([*pip, *wanted.split()]) != 0:
                raise Missing("pip could not install the tools (see above)")
            mark(environment, wanted)
        return environment / "bin" / program

    def node(self, tool: str) -> Path:
        """The folder of an npm tool."""
        for program in ("node", "npm"):
            if not shutil.which(program):
                raise Missing(f"{program} not found: install Node.js 20 or newer (Debian: apt-get install nodejs npm)")
        folder = self.folder / tool
        wanted = "\n".join(f"{name}@{version}" for name, version in NODE[tool].items())
        if not installed(folder, wanted):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            say("Installing " + " ".join(wanted.split()))
            # What npm warns of here is not ours to mend.
            npm = ["npm", "install", "--prefix", folder, "--no-audit", "--no-fund", "--loglevel=error"]
            if run([*npm, *wanted.split()]) != 0:
                raise Missing(f"npm could not install {tool} (see above)")
            mark(folder, wanted)
        return folder


def installed(folder: Path, wanted: str) -> bool:
    """Whether the folder holds these versions whole: the mark is made last."""
    try:
        return (folder / "versions").read_text() == wanted
    except FileNotFoundError:
        return False


def mark(folder: Path, wanted: str) -> None:
    (folder / "versions").write_text(wanted)


def run(command: list) -> int:
    """Runs an installer; what it prints goes to stderr, where everything but the figures goes."""
    environment = {**os.environ, "npm_config_update_notifier": "false"}
    return subprocess.run(command, stdout=sys.stderr, env=environment).returncode


def say(message: str) -> None:
    print(f"==> {message}", file=sys.stderr, flush=True)
