"""Lint what ``build.py`` emitted: ``python -m tests.templates.lint``. What was clean last time is not read again.

* cfn-lint, with the rules of cfn-lint-serverless, for the regions of each stack: every finding counts
* cloudformation-validate, from warnings on, less what a template accepts with its reason (blueprints/suppressions.py)
* statelint, on every state machine

Clean means clean under the same tools: the digest that stands for a file covers their versions and this script. Only
clean files are remembered, so a finding is told again until it is gone.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

from blueprints.settings import PROFILES

ROOT = Path(__file__).resolve().parents[2]
OUTPUTS = ROOT / "outputs"
MEMORY = ROOT / ".cache" / "lint.json"
TOOLS = ("cfn-lint", "cfn-lint-serverless", "cloudformation-validate", "statelint")
DEFINITION = ".asl.json"
INTERFACE = "openapi.json"  # has tests and a linter of its own

Finding = tuple[Path, str]


def main(outputs: Path = OUTPUTS, memory: Path = MEMORY) -> int:
    """Exit code: 0 clean, 1 findings, which were printed."""
    stages = {settings.stage for settings in PROFILES.values()}  # another one is of somebody's settings file
    found = [path for path in sorted(outputs.glob("*/*.json")) if path.parent.name in stages]
    files = [path for path in found if path.name != INTERFACE]
    rules = " ".join([sys.version, *map(version, TOOLS)]).encode() + Path(__file__).read_bytes()
    digests = {path: hashlib.sha256(rules + path.name.encode() + path.read_bytes()).hexdigest() for path in files}
    clean = _remembered(memory)
    changed = [path for path, digest in digests.items() if digest not in clean]
    findings = list(lint(changed))
    for path, finding in findings:
        print(f"{path.relative_to(outputs.parent)}: {finding}")
    bad = {path for path, _ in findings}
    memory.parent.mkdir(parents=True, exist_ok=True)
    memory.write_text(json.dumps(sorted(digest for path, digest in digests.items() if path not in bad)))
    print(f"{len(files) - len(bad)} passed, {len(bad)} failed ({len(files) - len(changed)} unchanged since last time)")
    return 1 if bad or not files else 0


def lint(files: Iterable[Path]) -> Iterator[Finding]:
    """What the linters find in *files*."""
    templates = [path for path in files if not path.name.endswith(DEFINITION)]
    definitions = [path for path in files if path.name.endswith(DEFINITION)]
    if templates:
        yield from _cfn_lint(templates)
        yield from _cloudformation_validate(templates)
    if definitions:
        yield from _statelint(definitions)


def _cfn_lint(templates: list[Path]) -> Iterator[Finding]:
    from blueprints.regions import regions_of  # noqa: PLC0415 (only if need be)

    deployments = {settings.stage: settings for settings in PROFILES.values()}
    groups: dict[tuple[str, ...], list[Path]] = {}
    for path in templates:
        groups.setdefault(regions_of(path.stem, deployments[path.parent.name]), []).append(path)
    command: list[str | Path] = [Path(sysconfig.get_path("scripts")) / "cfn-lint", "--format", "json"]
    for regions, paths in groups.items():
        options: list[str | Path] = ["--append-rules", "cfn_lint_serverless.rules", "--regions", *regions, "--", *paths]
        done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
        found = json.loads(done.stdout or "[]")
        if done.returncode and not found:
            raise RuntimeError(f"cfn-lint failed: {done.stderr.strip()}")
        for match in found:
            line = match["Location"]["Start"]["LineNumber"]
            yield Path(match["Filename"]), f"{line}: {match['Rule']['Id']} {match['Message']}"


def _cloudformation_validate(templates: list[Path]) -> Iterator[Finding]:
    from cloudformation_validate import CompositeEngine, Severity, ValidateConfig  # noqa: PLC0415 (only if need be)

    from blueprints.suppressions import accepted  # noqa: PLC0415

    engine = CompositeEngine()
    for path in templates:
        known = accepted(json.loads(path.read_text()))
        for found in engine.validate_template(str(path), ValidateConfig(severity_level=Severity.WARN)).diagnostics:
            title = found.entity.logical_id if found.entity else ""
            if (found.rule_id, title) not in known:
                yield path, f"{found.start_line}: {found.rule_id} {title}: {found.message}"


def _statelint(definitions: list[Path]) -> Iterator[Finding]:
    from statelint.config import Config  # noqa: PLC0415 (only if need be)
    from statelint.linter import Linter  # noqa: PLC0415
    from statelint.problem import ProblemType  # noqa: PLC0415

    for path in definitions:
        filled = re.sub(r"\$\{(\w+)\}", r"arn:aws:lambda:eu-west-1:123456789012:function:\1", path.read_text())
        for problem in Linter.validate(filled, Config({ProblemType.FLOAT})):  # AWS takes 2 for 2.0
            yield path, problem


def _remembered(memory: Path) -> set[str]:
    try:
        return set(json.loads(memory.read_bytes()))
    except (OSError, ValueError, TypeError):
        return set()


if __name__ == "__main__":
    sys.exit(main())
