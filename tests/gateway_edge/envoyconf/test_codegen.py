"""gen/python out of proto/."""

import shutil
from pathlib import Path

import pytest

from envoyconf.codegen import generate, stale_files
from envoyconf.protoc import ROOT, ContractsDoNotCompile


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository with contracts and nothing generated."""
    shutil.copytree(ROOT / "proto", tmp_path / "proto")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_committed_code_is_fresh() -> None:
    assert stale_files() == [], "run `make gen`"


def test_a_changed_contract_makes_the_code_stale(clone: Path) -> None:
    generate(clone)
    tenant = clone / "proto" / "malha" / "crm" / "v1" / "tenant.proto"
    tenant.write_text(tenant.read_text() + "\n// More.\nmessage More {}\n")

    stale = stale_files(clone)

    here = clone / "gen" / "python" / "malha" / "crm" / "v1"
    assert stale == [here / "tenant_pb2.py", here / "tenant_pb2.pyi"]
    assert b"More" not in (here / "tenant_pb2.py").read_bytes(), "a check writes nothing"


def test_a_second_run_changes_nothing(clone: Path) -> None:
    assert generate(clone)

    assert (clone / "build" / "malha.binpb").stat().st_size > 0
    assert generate(clone) == []


def test_what_lost_its_contract_is_removed(clone: Path) -> None:
    generate(clone)
    own = clone / "gen" / "python" / "malha" / "gone" / "v1"
    (own / "__pycache__").mkdir(parents=True)
    (own / "__pycache__" / "gone_pb2.cpython-311.pyc").touch()
    (own / "gone_pb2.py").touch()

    assert generate(clone) == [own / "gone_pb2.py"]
    assert not own.parent.exists()


def test_only_services_get_stubs(clone: Path) -> None:
    generate(clone)

    stubs = {path.name for path in (clone / "gen").rglob("*_pb2_grpc.py")}
    assert "assistant_service_pb2_grpc.py" in stubs
    assert not {"assistant_pb2_grpc.py", "validate_pb2_grpc.py"} & stubs


def test_contracts_that_do_not_compile_stop_it(
    clone: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (clone / "proto" / "malha" / "broken.proto").write_text(
        'syntax = "proto3"; message M { X x = 1; }'
    )

    with pytest.raises(ContractsDoNotCompile):
        generate(clone)
    assert "broken.proto" in capfd.readouterr().err
    assert not (clone / "gen").exists()
