"""Runs outside test suites against a shop, and says of each what it found. `./dev suites --help` for its use."""

import argparse
import contextlib
import json
import os
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from shop import Shop
from tools import Missing, Tools, say

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
# Seed of the run that is the same each time.
SEED = 1
# A private shop is one for machines: no limits of rate, and the cheapest hash of passwords, which are random here.
PRIVATE_SETTINGS = [
    "gateway.limits.enabled=false",
    "users.account_attempts.burst=1000000",
    "users.account_attempts.period_seconds=1",
    "users.bcrypt_cost=4",
]


class Suites:
    """The suites, one method each. A method gives a figure and whether it is good enough."""

    def __init__(self, folder: Path, shop_folder: Path | None, random_too: bool):
        self.tools = Tools(folder / "tools")
        self.reports = folder / "reports"
        self.reports.mkdir(parents=True, exist_ok=True)
        self.shop_folder = shop_folder
        self.random_too = random_too

    def document(self) -> Path:
        """The OpenAPI document as the shop serves it."""
        status, document = Shop(self.shop_folder).call("GET", "/api/v1/openapi.json")
        if status != 200:
            raise RuntimeError(f"the OpenAPI document answers {status}")
        path = self.reports / "openapi.json"
        path.write_text(json.dumps(document, indent=2) + "\n")
        return path

    def schemathesis(self) -> tuple[str, bool]:
        seeds = [SEED] + ([random.randrange(1, 2**31)] if self.random_too else [])
        results = [self.schemathesis_with(seed) for seed in seeds]
        return "; ".join(figure for figure, _ in results), all(good for _, good in results)

    def schemathesis_with(self, seed: int) -> tuple[str, bool]:
        program, document = self.tools.python("schemathesis"), self.document()
        reports = self.reports / f"schemathesis-{seed}"
        reports.mkdir(exist_ok=True)
        shop = Shop(self.shop_folder)
        people, summary = reports / "people.json", reports / "summary.json"
        write_people(people, shop)
        environment = {
            "SCHEMATHESIS_HOOKS": "hooks",
            "PYTHONPATH": str(HERE),
            "PYTHONDONTWRITEBYTECODE": "1",
            "SUITES_SHOP": str(self.shop_folder),
            "SUITES_PEOPLE": str(people),
            "SUITES_SUMMARY": str(summary),
        }
        command = [program, "--config-file", HERE / "schemathesis.toml", "run", document, "--url", shop.api]
        command += ["--checks", "all", "--seed", seed, "--report", "junit,ndjson", "--report-dir", reports]
        command += ["--report-junit-path", reports / "junit.xml", "--report-ndjson-path", reports / "events.ndjson"]
        say(f"schemathesis with seed {seed}: minutes")
        code, text = captured(command, reports / "output.txt", environment, cwd=reports)
        people.unlink()
        return figure_of_schemathesis(seed, text, json.loads(summary.read_text()), document), code == 0

    def spectral(self) -> tuple[str, bool]:
        tool, document = self.tools.node("spectral"), self.document()
        # Rulesets are looked up from the configuration's own folder.
        configuration = tool / "spectral.yaml"
        configuration.write_text((HERE / "spectral.yaml").read_text())
        report = self.reports / "spectral.json"
        # Its overrides are about paths of the document as seen from the working folder.
        command = [tool / "node_modules/.bin/spectral", "lint", "--quiet", "--format", "json", "--output", report]
        command += ["--ruleset", configuration, "--fail-severity", "error", document.name]
        captured(command, self.reports / "spectral.txt", cwd=document.parent)
        return counted(result["severity"] for result in json.loads(report.read_text()))

    def redocly(self) -> tuple[str, bool]:
        tool, document = self.tools.node("redocly"), self.document()
        command = [tool / "node_modules/.bin/redocly", "lint", "--config", HERE / "redocly.yaml", "--format", "json"]
        environment = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
        report = self.reports / "redocly.json"
        captured([*command, document], report, environment, cwd=self.reports, errors=self.reports / "redocly.txt")
        problems = json.loads(report.read_text())["problems"]
        return counted(0 if problem["severity"] == "error" else 1 for problem in problems)

    def graphql_http(self) -> tuple[str, bool]:
        tool = self.tools.node("graphql-http")
        report = self.reports / "graphql-http.jsonl"
        command = ["node", HERE / "graphql_http.mjs", tool, Shop(self.shop_folder).graphql]
        captured(command, report, errors=self.reports / "graphql-http.txt")
        audits = [json.loads(line) for line in report.read_text().splitlines()]
        good = sum(audit["status"] == "ok" for audit in audits)
        return f"{good} of {len(audits)} audits", good == len(audits) > 0

    def squawk(self) -> tuple[str, bool]:
        program = self.tools.python("squawk")
        migrations = sorted((ROOT / "crates").glob("*/migrations/*.sql"))
        report = self.reports / "squawk.json"
        command = [program, "--config", HERE / "squawk.toml", "--reporter", "json", *migrations]
        captured(command, report, errors=self.reports / "squawk.txt", cwd=ROOT)
        found = len(json.loads(report.read_text()))
        return f"{found} findings in {len(migrations)} migrations", found == 0 and bool(migrations)

    def buf(self) -> tuple[str, bool]:
        program = self.tools.node("buf") / "node_modules/.bin/buf"
        documents, released = ROOT / "crates/contracts/proto", ROOT / "docs/proto"
        lint, breaking = self.reports / "buf-lint.txt", self.reports / "buf-breaking.txt"
        lint_code, _ = captured([program, "lint"], lint, cwd=documents)
        breaking_code, _ = captured([program, "breaking", "--against", released], breaking, cwd=documents)
        findings, breaks = (len(path.read_text().splitlines()) for path in (lint, breaking))
        return f"{findings} findings, {breaks} breaking changes", lint_code == breaking_code == 0


NAMES = {
    "buf": Suites.buf,
    "schemathesis": Suites.schemathesis,
    "spectral": Suites.spectral,
    "redocly": Suites.redocly,
    "graphql-http": Suites.graphql_http,
    "squawk": Suites.squawk,
}
WITHOUT_SHOP = {"buf", "squawk"}


def write_people(path: Path, shop: Shop) -> None:
    """Who sends the requests, in the form of Web Fuzzing Commons: two customers, then staff."""
    people = [("customer-a", shop.customer()), ("customer-b", shop.customer()), ("staff", shop.staff)]
    token = {"extractFrom": "body", "extractSelector": "/data/access_token", "sendIn": "header"}
    token |= {"sendName": "Authorization", "sendTemplate": "Bearer {token}"}
    entries = []
    for name, person in people:
        login = {"email": person["email"], "password": person["password"]}
        endpoint = {"verb": "POST", "endpoint": "/api/v1/auth/login", "contentType": "application/json"}
        entries.append({"name": name, "loginEndpointAuth": {**endpoint, "payloadRaw": json.dumps(login), "token": token}})
    path.touch(mode=0o600)
    path.write_text(json.dumps({"auth": entries}))


def figure_of_schemathesis(seed: int, text: str, summary: dict, document: Path) -> str:
    paths = json.loads(document.read_text())["paths"]
    methods = {"get", "post", "put", "patch", "delete"}
    labels = {f"{method.upper()} {path}" for path, item in paths.items() for method in item if method in methods}
    called = labels & summary["answers"].keys()
    succeeded = [label for label in called if any(s.startswith("2") for s in summary["answers"][label])]
    cases = sum(sum(statuses.values()) for statuses in summary["answers"].values())
    waived = sum(waiver["times"] for waiver in summary["waived"])
    # The last line of its output says what it found, errors of its own too.
    found = re.findall(r"\d+ (?:failures?|errors?)", text.rstrip().rsplit("\n", 1)[-1])
    reach = f"{len(called)} of {len(labels)} operations ({len(succeeded)} with success), {cases} requests"
    links = re.search(r"API Links: +(\d+) covered", text)
    reach += f" along {links[1]} links" if links else ""
    return f"seed {seed}: {', '.join(found) or '0 failures'}; {reach}, {waived} answers waived"


def counted(severities) -> tuple[str, bool]:
    """Errors (severity 0) and warnings (1)."""
    severities = list(severities)
    errors, warnings = severities.count(0), severities.count(1)
    return f"{errors} errors, {warnings} warnings", errors == 0


def captured(command, output: Path, environment=None, cwd=None, errors: Path | None = None) -> tuple[int, str]:
    """Runs a tool, keeps what it prints, gives its exit code and text."""
    with open(output, "wb") as out, open(errors or os.devnull, "wb") as err:
        stderr = err if errors else subprocess.STDOUT
        code = subprocess.run(
            [str(part) for part in command], stdout=out, stderr=stderr, cwd=cwd, env={**os.environ, **(environment or {})}
        ).returncode
    return code, output.read_text(errors="replace")


@contextlib.contextmanager
def private_shop():
    """A shop of this run alone, gone at its end."""
    # As root, PostgreSQL runs under another account, which must be able to enter the folder.
    parent = "/tmp" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="tradepost-suites.", dir=parent) as folder:
        os.chmod(folder, 0o711)
        data = Path(folder) / "shop"
        settings = [word for setting in PRIVATE_SETTINGS for word in ("--set", setting)]
        try:
            subprocess.run([ROOT / "dev", "up", "--detach", "--data", data, *settings], stdout=sys.stderr, check=True)
            yield data
        finally:
            if data.exists():
                subprocess.run([ROOT / "dev", "down", "--erase", "--data", data], stdout=sys.stderr)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev suites", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which ones: {', '.join(NAMES)} (all without names)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="the data folder of a running shop, instead of a private one")
    parser.add_argument("--random", action="store_true", help="run schemathesis once more, with a random seed")
    parser.add_argument("--folder", type=Path, default=ROOT / ".tradepost/suites", help="where tools and reports go")
    chosen = parser.parse_args()
    unknown = [name for name in chosen.names if name not in NAMES]
    if unknown:
        parser.error(f"no suite {unknown[0]}: {', '.join(NAMES)}")
    if chosen.data and not (chosen.data / "run.json").exists():
        parser.error(f"no shop runs in {chosen.data}: ./dev up --detach --data {chosen.data}")
    chosen.names = chosen.names or list(NAMES)
    return chosen


def main() -> int:
    chosen = arguments()
    needs_shop = not chosen.data and not WITHOUT_SHOP.issuperset(chosen.names)
    try:
        with private_shop() if needs_shop else contextlib.nullcontext(chosen.data) as shop_folder:
            suites = Suites(chosen.folder.resolve(), shop_folder and shop_folder.resolve(), chosen.random)
            good = [judge(suites, name) for name in chosen.names]
            say(f"Reports: {suites.reports}")
    except subprocess.CalledProcessError:
        # What started the shop has said why it could not.
        return 1
    except KeyboardInterrupt:
        return 130
    return 0 if all(good) else 1


def judge(suites: Suites, name: str) -> bool:
    """Runs a suite and prints its line."""
    try:
        figure, passed = NAMES[name](suites)
    except (Missing, OSError, RuntimeError, ValueError) as error:
        figure, passed = str(error), False
    print(f"{name}: {figure}{'' if passed else '  FAILED'}", flush=True)
    return passed


if __name__ == "__main__":
    sys.exit(main())
