"""Build a release, check it, and try it: `python -m release --out dist`."""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from pathlib import Path

import click

from release.advisories import Audit, audit
from release.command import run
from release.contents import expected_in_sdist, expected_in_wheel, sdist_files, wheel_files
from release.distributions import (
    PROJECTS,
    build,
    build_elsewhere,
    build_from_sdist,
    differing,
)
from release.environments import Environment, Wheelhouse
from release.inventory import take_inventory
from release.smoke import try_broker, try_core, try_kit
from release.source import committed_at, constraints, described, export, version

EXTRAS = ("cli", "nats", "redis", "testing", "uvloop")
INSTALLED = "headrace[nats,redis,uvloop]"
"""What the bill of materials is of."""


@click.command(context_settings={"show_default": True})
@click.option("--out", default="dist", type=click.Path(path_type=Path), help="A new folder.")
@click.option("--revision", default="HEAD", help="What to release.")
@click.option("--without-audit", is_flag=True, help="Do not ask for known vulnerabilities.")
def main(out: Path, revision: str, without_audit: bool) -> None:  # noqa: FBT001
    """Build the distributions of a commit, check them, and try them in fresh environments.

    Exit code 1 if anything is not as it should be, or if it is not known to be.
    """
    if out.exists() and any(out.iterdir()):
        message = f"{out} is not empty"
        raise click.ClickException(message)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        step(f"source: {described(revision)}")
        source = export(revision, work / "source")
        made = work / "made"
        distribute(source, work, made, committed_at(revision))
        check(source, made)
        step("wheelhouse: our wheels, and the tested versions of what they need")
        wheels = sorted(made.glob("*.whl"))
        house = Wheelhouse(work / "house", wheels, constraints(source), EXTRAS)
        try_all(house, work, source)
        list_materials(house, work, made, version(source))
        add_up(made)
        shutil.copytree(made, out, dirs_exist_ok=True)
    audited = without_audit or examine(out / "requirements.txt")
    click.echo((out / "SHA256SUMS").read_text(), nl=False)
    sys.exit(0 if audited else 1)


def step(text: str) -> None:
    """Say what is done next."""
    click.echo(f"== {text}")


def distribute(source: Path, work: Path, made: Path, epoch: int) -> None:
    """Build, and build again in other ways to see that the bytes are the same.

    Raises:
        ClickException: They are not.
    """
    step("build, as another machine would, and from the source distributions")
    second = shutil.copytree(source, work / "a copy, elsewhere")
    for place in PROJECTS.values():
        build(source / place, made, epoch)
        build_elsewhere(second / place, work / "elsewhere", epoch)
    for sdist in made.glob("*.tar.gz"):
        build_from_sdist(sdist, work / "unpacked", work / "from-sdist", epoch)
    names = [*differing(made, work / "elsewhere"), *differing(made, work / "from-sdist", "*.whl")]
    if names:
        message = f"not the same bytes each time: {', '.join(names)}"
        raise click.ClickException(message)


def check(source: Path, made: Path) -> None:
    """Check what the distributions hold and say of themselves.

    Raises:
        ClickException: Something is missing, or should not be there.
    """
    step("check: files, metadata, long descriptions")
    number = version(source)
    for package, place in PROJECTS.items():
        project = source / place
        [wheel] = made.glob(f"{package}-{number}-*.whl")
        pairs = (
            (wheel_files(wheel), expected_in_wheel(project, package, number)),
            (sdist_files(made / f"{package}-{number}.tar.gz"), expected_in_sdist(project)),
        )
        for found, wanted in pairs:
            if found != wanted:
                message = f"{package}: {sorted(found ^ wanted)} missing, or too many"
                raise click.ClickException(message)
    run(sys.executable, "-m", "twine", "check", "--strict", *sorted(made.iterdir()), cwd=made)


def try_all(house: Wheelhouse, work: Path, source: Path) -> None:
    """Try the wheels, each as somebody would install it.

    Raises:
        ClickException: Something does not work.
    """
    step("try: headrace")
    core = Environment(work / "core")
    house.install(core, "headrace")
    try_core(core, work / "try-core", version(source))
    for scheme in ("redis", "nats"):
        step(f"try: headrace[{scheme}]")
        env = Environment(work / scheme)
        house.install(env, f"headrace[{scheme}]")
        try_broker(env, work / f"try-{scheme}", source / "deploy" / "app.py", scheme)
    step("try: headrace[testing]")
    house.install(core, "headrace[testing]")
    try_kit(core, work / "try-kit")


def list_materials(house: Wheelhouse, work: Path, made: Path, number: str) -> None:
    """Write the bill of materials and the list of requirements."""
    step(f"bill of materials: {INSTALLED}")
    env = Environment(work / "installed")
    house.install(env, INSTALLED)
    take_inventory(env, made / f"headrace-{number}.cdx.json")
    (made / "requirements.txt").write_text("".join(f"{one}\n" for one in env.requirements()))


def add_up(made: Path) -> None:
    """Write down the checksums of everything."""
    sums = [
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n"
        for file in sorted(made.iterdir())
    ]
    (made / "SHA256SUMS").write_text("".join(sums))


def examine(requirements: Path) -> bool:
    """Ask for known vulnerabilities, say what came of it, and return whether all is well."""
    step("audit")
    verdict, told = audit(requirements)
    click.echo(told)
    if verdict is Audit.NOT_DONE:
        click.echo(
            "NOT AUDITED: no answer from the advisory service. Where it can be reached, run\n"
            f"  pip-audit --requirement {requirements.name} --no-deps --disable-pip\n"
            "or, with a copy of its data base, osv-scanner --offline on the bill of materials."
        )
    return verdict is Audit.CLEAN


if __name__ == "__main__":
    main()
