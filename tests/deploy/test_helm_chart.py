"""The Helm chart: its values agree with the contracts, and what it renders is Kubernetes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from envoyconf.bootstrap import bootstrap
from envoyconf.contracts import load_contracts, rpcs_of
from envoyconf.mesh import Mesh
from envoyconf.protoc import ROOT

CHART = ROOT / "deploy" / "helm" / "malha"
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
KUBERNETES = "1.33"

Objects = list[dict[str, Any]]
Render = Callable[[dict[str, Any]], Objects]


@pytest.fixture(scope="module")
def render() -> Render:
    """The objects of the chart for some values, each judged by the schema of its kind."""
    helm = pytest.importorskip("helm_python", reason="helm-python-sdk is not installed")
    judge = pytest.importorskip(
        "kubernetes_validate", reason="kubernetes-validate is not installed"
    )

    def made(values: dict[str, Any]) -> Objects:
        with helm.Chart.load(str(CHART)) as chart:
            texts = chart.render(values, name="prod", namespace="malha").values()
        objects = [found for text in texts for found in yaml.safe_load_all(text) if found]
        for found in objects:
            judge.validate(found, KUBERNETES, strict=True)
        return objects

    return made


def of_kind(objects: Objects, kind: str) -> dict[str, dict[str, Any]]:
    """The objects of a kind, by name."""
    return {item["metadata"]["name"]: item for item in objects if item["kind"] == kind}


def pods(objects: Objects) -> dict[str, dict[str, Any]]:
    """The pods of all Deployments and Jobs, by the name of their owner."""
    owners = of_kind(objects, "Deployment") | of_kind(objects, "Job")
    return {name: owner["spec"]["template"] for name, owner in owners.items()}


def test_the_values_are_those_of_the_contracts() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert [error.message for error in Draft202012Validator(SCHEMA).iter_errors(VALUES)] == []
    assert set(VALUES["services"]) == {rpc.cluster for rpc in rpcs_of(load_contracts())}


@pytest.mark.parametrize(
    "values",
    [
        {"services": {"crm": {"replicas": 0}}},
        {"services": {"crm": {"replica": 2}}},
        {"services": {"gateway": {}}},
        {"image": {"repository": "malha", "tag": "latest"}},
        {"publicUrl": "malha.example.com"},
        {"natsReplicas": 2},
    ],
)
def test_a_wrong_value_is_refused(values: dict[str, Any]) -> None:
    assert not Draft202012Validator(SCHEMA).is_valid(VALUES | values)


def test_every_service_scales_by_role_and_may_be_drained(render: Render) -> None:
    objects = render({})

    names = {
        f"prod-{service}-{role}"
        for service, own in VALUES["services"].items()
        for role in (own or {}).get("roles", VALUES["defaults"]["roles"])
    } | {"prod-edge-web", "prod-gateway"}
    assert set(of_kind(objects, "Deployment")) == names
    for kind in ("HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy"):
        assert set(of_kind(objects, kind)) == names, kind
    deployments = of_kind(objects, "Deployment")
    for name, budget in of_kind(objects, "PodDisruptionBudget").items():
        labels = deployments[name]["spec"]["template"]["metadata"]["labels"]
        assert budget["spec"]["selector"]["matchLabels"].items() <= labels.items()
        assert "replicas" not in deployments[name]["spec"], "the autoscaler says how many"


def test_every_pod_is_nobody_and_limited(render: Render) -> None:
    for name, pod in pods(render({})).items():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"], name
        assert spec["automountServiceAccountToken"] is False, name
        for container in [*spec.get("initContainers", []), *spec["containers"]]:
            own = container["securityContext"]
            assert own["readOnlyRootFilesystem"] and own["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"], name
            assert not container["image"].endswith(":latest")


def test_every_lasting_pod_has_probes_and_time_to_leave(render: Render) -> None:
    for name, deployment in of_kind(render({}), "Deployment").items():
        spec = deployment["spec"]["template"]["spec"]
        (container,) = spec["containers"]
        assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys(), name
        pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        drain = {item["name"]: item.get("value") for item in container.get("env", [])}
        leaving = pause + int(drain.get("MALHA_DRAIN_SECONDS") or 0)
        assert leaving < spec["terminationGracePeriodSeconds"], name


def test_services_select_the_pods_that_answer(render: Render) -> None:
    objects = render({})
    labels = [pod["metadata"]["labels"] for pod in pods(objects).values()]

    for name, service in of_kind(objects, "Service").items():
        selected = [own for own in labels if service["spec"]["selector"].items() <= own.items()]
        assert len(selected) == 1, name
        assert selected[0]["malha.io/role"] != "worker", name


def test_the_gateway_is_configured_for_the_services_there_are(render: Render) -> None:
    objects = render({})
    mesh = Mesh.model_validate_json(of_kind(objects, "ConfigMap")["prod-mesh"]["data"]["mesh.json"])

    assert bootstrap(mesh)
    services = of_kind(objects, "Service")
    for cluster in mesh.clusters:
        (port,) = services[f"prod-{cluster}"]["spec"]["ports"]
        assert mesh.address(cluster).host == f"prod-{cluster}"
        assert mesh.address(cluster).port == port["port"]


def test_only_who_needs_the_internet_reaches_it(render: Render) -> None:
    for name, policy in of_kind(render({}), "NetworkPolicy").items():
        service = name.split("-")[1]
        open_to_all = any(
            "ipBlock" in peer for rule in policy["spec"]["egress"] for peer in rule.get("to", [])
        )
        own = VALUES["services"].get(service) or {}
        assert open_to_all == own.get("internet", False), name


def test_the_schema_is_migrated_before_the_new_pods_start(render: Render) -> None:
    job = of_kind(render({}), "Job")["prod-migrate"]

    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    spec = job["spec"]["template"]["spec"]
    assert [item["args"][-1] for item in spec["initContainers"] + spec["containers"]] == [
        "migrate",
        "topology",
    ]


def test_parts_can_be_switched_off_and_a_service_added(render: Render) -> None:
    objects = render(
        {
            "services": {"crm": {"roles": ["all"]}, "billing": {"rpc": {"replicas": 5}}},
            "defaults": {"autoscaling": {"enabled": False}},
            "networkPolicy": {"enabled": False},
            "migrate": {"enabled": False},
        }
    )

    assert {"prod-crm-all", "prod-billing-rpc"} <= of_kind(objects, "Deployment").keys()
    assert of_kind(objects, "Deployment")["prod-billing-rpc"]["spec"]["replicas"] == 5
    assert of_kind(objects, "Deployment")["prod-billing-worker"]["spec"]["replicas"] == 2
    assert not of_kind(objects, "NetworkPolicy") and not of_kind(objects, "Job")


def test_the_image_holds_what_the_chart_starts() -> None:
    copied = [
        Path(line.split()[1])
        for line in (ROOT / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ") and "--from" not in line
    ]

    assert all((ROOT / path).exists() for path in copied)
    assert {Path("services"), Path("gateway-edge"), Path("gen/python")} <= {*copied}
