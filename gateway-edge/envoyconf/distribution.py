"""What makes gen/python installable: `pip install ./gen/python` gives another team the stubs."""

import tomllib
from pathlib import Path

from envoyconf.protoc import ROOT

_NEEDED = ("googleapis-common-protos", "grpcio", "protobuf")

_PYPROJECT = """\
# Written by `make gen`. Change envoyconf/distribution.py or the project's own pyproject.toml.
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "malha-stubs"
version = "{version}"
description = "Typed gRPC stubs of Malha's services"
requires-python = "{python}"
dependencies = [
{dependencies}
]

[tool.hatch.build.targets.wheel]
packages = ["malha", "buf"]
"""


def distribution(root: Path = ROOT) -> dict[Path, bytes]:
    """The files beside the stubs, by their path under gen/python."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    wanted = [_at_least(one) for one in project["dependencies"] if one.startswith(_NEEDED)]
    text = _PYPROJECT.format(
        version=project["version"],
        python=project["requires-python"],
        dependencies="\n".join(f'  "{one}",' for one in wanted if "grpcio-" not in one),
    )
    typed = {Path(package) / "py.typed": b"" for package in ("malha", "buf")}
    return {Path("pyproject.toml"): text.encode(), **typed}


def _at_least(requirement: str) -> str:
    # Generated code runs on the version it was made for and on later ones of the same major.
    name, exact, version = requirement.partition("==")
    return f"{name}>={version},<{int(version.split('.')[0]) + 1}" if exact else requirement
