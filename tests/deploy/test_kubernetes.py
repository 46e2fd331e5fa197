"""Manifests: their shape and what they name; no cluster takes them in these tests."""

import re
from itertools import chain

import pytest

from mirante.web.config import WebConfig
from tests.deploy.files import DEPLOY, USER, check_command, check_path, documents, read_config, secret_paths

FOLDER = DEPLOY / "kubernetes"
KUSTOMIZATION = documents(FOLDER / "kustomization.yaml")[0]
FILES = [FOLDER / name for name in KUSTOMIZATION["resources"]]
OBJECTS = list(chain.from_iterable(documents(path) for path in FILES))
VERSIONS = {
    "Namespace": "v1", "Service": "v1", "PersistentVolumeClaim": "v1", "Secret": "v1",
    "Deployment": "apps/v1", "NetworkPolicy": "networking.k8s.io/v1",
}  # fmt: skip
# what the API server knows of the objects that are used; another key is refused by `kubectl apply`
KEYS = {
    "Deployment": {"replicas", "selector", "strategy", "template"},
    "Service": {"ports", "selector"},
    "PersistentVolumeClaim": {"accessModes", "resources"},
    "NetworkPolicy": {"podSelector", "policyTypes", "ingress", "egress"},
    "Namespace": set(),
    "pod": {
        "automountServiceAccountToken", "containers", "enableServiceLinks", "securityContext",
        "terminationGracePeriodSeconds", "topologySpreadConstraints", "volumes",
    },
    "container": {
        "args", "image", "livenessProbe", "name", "ports", "readinessProbe", "resources", "securityContext",
        "startupProbe", "volumeMounts",
    },
    "probe": {"failureThreshold", "httpGet", "periodSeconds", "timeoutSeconds"},
}  # fmt: skip
DEPLOYMENTS = [each for each in OBJECTS if each["kind"] == "Deployment"]


def of(kind):
    return [each for each in OBJECTS if each["kind"] == kind]


def named(objects):
    return [each["metadata"]["name"] for each in objects]


def pod_of(deployment):
    return deployment["spec"]["template"]["spec"]


def container_of(deployment):
    (container,) = pod_of(deployment)["containers"]
    return container


@pytest.mark.parametrize("thing", OBJECTS, ids=lambda one: f"{one['kind']} {one['metadata']['name']}")
def test_kinds_and_keys_are_known(thing):
    assert thing["apiVersion"] == VERSIONS[thing["kind"]]
    assert set(thing.get("spec", {})) <= KEYS[thing["kind"]]
    assert re.fullmatch(r"[a-z][a-z0-9-]{0,61}", thing["metadata"]["name"])
    assert set(thing) <= {"apiVersion", "kind", "metadata", "spec"}


def test_every_file_is_listed_and_the_example_of_secrets_is_not():
    beside = {path.name for path in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}
    assert beside - {path.name for path in FILES} == {"secret.example.yaml"}
    assert set(KUSTOMIZATION) == {
        "apiVersion", "kind", "namespace", "resources", "configMapGenerator", "images",
    }  # fmt: skip
    used = {container_of(each)["image"] for each in DEPLOYMENTS}
    assert {image["name"] for image in KUSTOMIZATION["images"]} == used


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=named(DEPLOYMENTS))
def test_pods_have_no_rights_and_all_that_they_mount_is_there(deployment):
    pod, container = pod_of(deployment), container_of(deployment)
    assert set(pod) <= KEYS["pod"]
    assert set(container) <= KEYS["container"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["fsGroup"] == USER
    assert not pod["automountServiceAccountToken"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    volumes = {volume["name"] for volume in pod["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    assert {"requests", "limits"} <= set(container["resources"])
    for volume in pod["volumes"]:
        if "configMap" in volume:
            assert volume["configMap"]["name"] in {one["name"] for one in KUSTOMIZATION["configMapGenerator"]}
        if "secret" in volume:
            assert (
                volume["secret"]["secretName"]
                == documents(FOLDER / "secret.example.yaml")[0]["metadata"]["name"]
            )
        if "persistentVolumeClaim" in volume:
            assert volume["persistentVolumeClaim"]["claimName"] in named(of("PersistentVolumeClaim"))


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=named(DEPLOYMENTS))
def test_labels_ports_and_probes_fit(deployment):
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    container = container_of(deployment)
    name = deployment["metadata"]["name"]
    (service,) = [each for each in OBJECTS if each["kind"] == "Service" and each["metadata"]["name"] == name]
    (policy,) = [
        each for each in OBJECTS if each["kind"] == "NetworkPolicy" and each["metadata"]["name"] == name
    ]
    selectors = (
        deployment["spec"]["selector"]["matchLabels"],
        service["spec"]["selector"],
        policy["spec"]["podSelector"]["matchLabels"],
    )
    assert all(selector.items() <= labels.items() for selector in selectors)
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert all(port["targetPort"] in ports for port in service["spec"]["ports"])
    assert all(port["port"] in ports for rule in policy["spec"]["ingress"] for port in rule["ports"])
    served = container["args"][0] == "serve"
    for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
        probe = container[kind]
        assert set(probe) <= KEYS["probe"]
        assert probe["httpGet"]["port"] in ports
        check_path(probe["httpGet"]["path"], served=served)
    given = check_command(container["args"])
    expected = given["port"] if served else WebConfig().port
    assert list(ports.values()) == [expected]


def test_configs_are_read_and_name_what_is_mounted(tmp_path):
    (made,) = KUSTOMIZATION["configMapGenerator"]
    keys = set(documents(FOLDER / "secret.example.yaml")[0]["stringData"])
    for deployment in DEPLOYMENTS:
        container = container_of(deployment)
        given = check_command(container["args"])
        config = FOLDER / "config" / given["config"].name
        assert f"config/{config.name}" in made["files"]
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert str(given["config"].parent) == mounts["config"]
        (secret,) = [volume["secret"] for volume in pod_of(deployment)["volumes"] if "secret" in volume]
        there = {item["key"] for item in secret["items"]} if "items" in secret else keys
        wanted = set(secret_paths(config.read_text("utf-8")))
        assert there <= keys
        assert wanted == {f"{mounts['secrets']}/{name}" for name in there}
        settings = read_config(config, tmp_path)
        assert all(str(model.log).startswith(f"{tmp_path}{mounts['data']}") for model in settings.models)


def test_two_pods_only_with_a_store_that_both_reach(tmp_path):
    settings = read_config(FOLDER / "config" / "mirante.yaml", tmp_path)
    (deployment,) = [each for each in DEPLOYMENTS if each["metadata"]["name"] == "mirante"]
    assert deployment["spec"]["replicas"] == 2
    assert settings.store_file is None
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}
    claim = next(each for each in OBJECTS if each["kind"] == "PersistentVolumeClaim")
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    name, namespace = deployment["metadata"]["name"], KUSTOMIZATION["namespace"]
    assert {name, f"{name}.{namespace}.svc"} <= set(settings.web.allowed_hosts)


def test_what_serves_records_the_same_of_a_model_as_the_service_expects(tmp_path):
    service, serve = (
        read_config(FOLDER / "config" / name, tmp_path) for name in ("mirante.yaml", "serve.yaml")
    )
    mine = {model.model: (model.log, model.privacy) for model in service.models}
    assert {model.model: (model.log, model.privacy) for model in serve.models}.items() <= mine.items()
