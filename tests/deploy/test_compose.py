"""deploy/compose.yaml: by the schema of its format, and against what it names: scripts, settings, ports, files."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

import pytest
import yaml

from engine import __version__
from engine.settings import PROJECT
from scripts import prepare_demo, serve
from tests.deploy.dockerfiles import instructions
from tests.monitored import CONFIG, DEPLOY

FILE = DEPLOY / "compose.yaml"
TEXT = FILE.read_text(encoding="utf-8")
COMPOSE = yaml.safe_load(TEXT)
SERVICES = COMPOSE["services"]
BUILT = [name for name, service in SERVICES.items() if "build" in service]
PORTS = {"app": 8501, "service": 8600, "prometheus": 9090, "grafana": 3000, "mlflow": 5000, "postgres": 5432}
PORTS |= {"chroma": 8000, "airflow": 8080}
THEIRS = re.compile(r"(POSTGRES|PG|GF|AWS|MLFLOW)_?[A-Z0-9_]+")  # what images and libraries read by themselves
SECRET = re.compile(r"PASSWORD|TOKEN|SECRET|_KEY$|_KEY_ID$")
TESTED = {"scripts/serve.py": serve._parser, "scripts/prepare_demo.py": prepare_demo._parser}


def filled_in(text: str) -> str:
    """The text with the defaults of its variables, and "given" for those that must be given."""
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(text))
    return re.sub(r"\$\{\w+:\?[^}]*\}", "given", text)


def each(services=SERVICES):
    return pytest.mark.parametrize("name", services)


def test_the_schema_of_compose_holds():
    pytest.importorskip("check_jsonschema")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_docker_reads_it(tmp_path):
    docker = shutil.which("docker")
    if not docker or subprocess.run([docker, "compose", "version"], capture_output=True).returncode:
        pytest.skip("docker compose is not installed")
    (tmp_path / "env").write_text("POSTGRES_PASSWORD=a\nGRAFANA_PASSWORD=b\n")
    command = [docker, "compose", "--file", FILE, "--env-file", tmp_path / "env", "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@each()
def test_images_are_pinned(name):
    image, tag = SERVICES[name]["image"].split("@")[0].rsplit(":", 1)
    assert re.fullmatch(r"v?\d+\.\d+(\.\d+)?(-\w+)?", tag), f"{image}:{tag}"


def test_versions_agree_with_the_code_and_its_constraints():
    pins = dict(line.split("==") for line in (PROJECT / "constraints.txt").read_text().split() if "==" in line)
    tags = {name: service["image"].rsplit(":", 1)[1] for name, service in SERVICES.items()}
    assert (tags["app"], tags["service"], tags["prepare"]) == (__version__,) * 3
    assert (tags["chroma"], tags["mlflow"]) == (pins["chromadb"], pins["mlflow"])


@each()
def test_a_container_can_do_little(name):
    service = SERVICES[name]
    assert service["read_only"] and service["cap_drop"] == ["ALL"] and "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"] and service["networks"] == ["shelfwise"]
    assert service["logging"]["options"]["max-size"]
    limits = service["deploy"]["resources"]["limits"]
    assert {"cpus", "memory", "pids"} == set(limits)
    assert set(service.get("cap_add", [])) <= {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"}


@each()
def test_no_secret_lies_in_the_file(name):
    for variable, value in (SERVICES[name].get("environment") or {}).items():
        if SECRET.search(variable):
            assert value is None or re.fullmatch(r"\$\{\w+:\?[^}]+\}", value), f"{variable} has a value of its own"
    assert not re.search(r"://\w+:[^@/\s]+@", str(SERVICES[name]))


def test_what_can_be_set_is_in_the_example():
    asked = set(re.findall(r"\$\{(\w+)", TEXT))
    asked |= {
        key for each in SERVICES.values() for key, value in (each.get("environment") or {}).items() if value is None
    }
    example = (DEPLOY / ".env.example").read_text(encoding="utf-8")
    assert set(re.findall(r"^#?([A-Z0-9_]+)=", example, re.MULTILINE)) == asked
    must = set(re.findall(r"\$\{(\w+):\?", TEXT))
    assert set(re.findall(r"^([A-Z0-9_]+)=", example, re.MULTILINE)) == must
    assert not re.findall(r"^[A-Z0-9_]+=.+", example, re.MULTILINE)


def test_variables_are_read_by_the_settings_or_by_the_images():
    read = set(re.findall(r'"([A-Z][A-Z0-9_]+)"', (PROJECT / "engine" / "settings.py").read_text(encoding="utf-8")))
    names = {variable for service in SERVICES.values() for variable in service.get("environment") or {}}
    assert {
        name for name in names if name not in read and not THEIRS.match(name) and not name.startswith("AIRFLOW")
    } == set()


@each([name for name in SERVICES if "scripts/" in str(SERVICES[name].get("command"))])
def test_scripts_take_their_options(name):
    python, script, *options = [filled_in(word) for word in SERVICES[name]["command"]]
    assert python == "python"
    arguments = TESTED[script]().parse_args(options)
    if script == "scripts/serve.py":
        serve._check(arguments)
        assert arguments.port == PORTS["service"]


@pytest.mark.filterwarnings("ignore")  # MLflow warns as it loads
def test_mlflow_takes_its_options():
    from mlflow.cli import server

    mlflow, command, *options = [filled_in(word) for word in SERVICES["mlflow"]["command"]]
    assert (mlflow, command) == ("mlflow", "server")
    told = server.make_context("server", options).params
    assert told["port"] == PORTS["mlflow"] and told["artifacts_destination"] == "/mlflow/artifacts"
    assert "*" not in told["allowed_hosts"] and f"mlflow:{PORTS['mlflow']}" in told["allowed_hosts"]


def test_prometheus_takes_its_options():
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not installed (apt-get install prometheus)")
    help_text = subprocess.run([program, "--help"], capture_output=True, text=True, timeout=30)
    known = set(re.findall(r"--[\w.-]+", help_text.stdout + help_text.stderr))
    assert {option.split("=")[0] for option in SERVICES["prometheus"]["command"]} <= known


@each()
def test_only_known_ports_are_published_and_only_here(name):
    for port in SERVICES[name].get("ports", []):
        assert port == f"${{BIND:-127.0.0.1}}:{PORTS[name]}:{PORTS[name]}"
    assert name not in ("postgres", "chroma") or "ports" not in SERVICES[name]


@each([name for name in BUILT if SERVICES[name].get("ports")])
def test_what_is_published_is_what_the_image_exposes(name):
    assert [int(words) for word, words in instructions(*image_of(name)) if word == "EXPOSE"] == [PORTS[name]]


def image_of(name: str):
    build = SERVICES[name]["build"]
    assert (DEPLOY / build["context"]).resolve() == PROJECT
    return PROJECT / build["dockerfile"], build.get("target")


def test_addresses_name_containers_and_their_ports():
    told = [*re.findall(r"(?:https?|postgresql(?:\+psycopg2?)?)://(?:\w+@)?([\w.-]+):(\d+)", TEXT)]
    told += re.findall(
        r"http://([\w.-]+):(\d+)", (DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text()
    )
    scraped = yaml.safe_load(CONFIG.read_text())["scrape_configs"]
    told += [target.split(":") for job in scraped for each in job["static_configs"] for target in each["targets"]]
    assert len(told) > 6
    for host, port in told:
        assert int(port) in PORTS.values() and (host in ("127.0.0.1", "localhost") or PORTS[host] == int(port))


@each()
def test_who_waits_for_whom(name):
    for other, how in SERVICES[name].get("depends_on", {}).items():
        assert other in SERVICES
        if how["condition"] == "service_completed_successfully":
            assert SERVICES[other]["restart"] == "no"
        elif how["condition"] == "service_healthy":
            assert has_healthcheck(other)
    assert has_healthcheck(name) or SERVICES[name]["restart"] == "no"


def has_healthcheck(name: str) -> bool:
    if "healthcheck" in SERVICES[name]:
        return "test" in SERVICES[name]["healthcheck"]
    return name in BUILT and any(word == "HEALTHCHECK" for word, _ in instructions(*image_of(name)))


def test_volumes_are_declared_used_and_there():
    mounts = [mount.split(":") for service in SERVICES.values() for mount in service.get("volumes", [])]
    named = {source for source, *_ in mounts if not source.startswith(".")}
    assert named == set(COMPOSE["volumes"])
    for source, _, *mode in mounts:
        if source.startswith("."):
            assert (DEPLOY / source).is_dir() and mode == ["ro"]


def test_secrets_come_from_files_that_git_and_docker_leave_out():
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", [])}
    assert used == set(COMPOSE["secrets"])
    key = yaml.safe_load(CONFIG.read_text())["scrape_configs"][0]["authorization"]["credentials_file"]
    assert key == f"/run/secrets/{SERVICES['prometheus']['secrets'][0]}"
    for secret in COMPOSE["secrets"].values():
        assert secret["file"].startswith("./secrets/")
    ignored = (PROJECT / ".gitignore").read_text().split()
    assert {"/deploy/secrets/", "/deploy/.env"} <= set(ignored)


def test_grafana_finds_its_dashboards():
    mounts = dict(mount.split(":")[1::-1] for mount in SERVICES["grafana"]["volumes"])
    provider = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/shelfwise.yml").read_text())["providers"][0]
    assert mounts[provider["options"]["path"]] == "./grafana/dashboards"
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home.startswith("/etc/grafana/dashboards/")
    assert (DEPLOY / "grafana" / "dashboards" / home.rsplit("/", 1)[1]).is_file()
