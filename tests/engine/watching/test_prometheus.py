"""The same figures from a Prometheus: a real one with samples of known counts, and answers that can't be used."""

from __future__ import annotations

import shutil
import subprocess
import time
import urllib.error
import urllib.request

import httpx2
import orjson
import pytest

from engine.errors import SettingsError, WatchingError
from engine.serve.metrics import SECONDS
from engine.watching import prometheus
from engine.watching.answers import window
from engine.watching.prometheus import Prometheus, address_of
from tests.running import free_port
from tests.watched import LISTS

SERVER, TOOL = shutil.which("prometheus"), shutil.which("promtool")
STEP, STEPS = 15, 260  # seconds between scrapes, and how many there were
GROWING = {  # what grows by how much with each scrape
    f'shelfwise_requests_total{{route="{LISTS}",method="GET",status="200"}}': 9,
    f'shelfwise_requests_total{{route="{LISTS}",method="GET",status="503"}}': 1,
    'shelfwise_requests_total{route="/health",method="GET",status="200"}': 4,
    'shelfwise_fallbacks_total{route="recommendations",reason="DeadlineExceeded"}': 2,
    'shelfwise_lists_total{user="cold"}': 3,
}
LATENCY = {0.005: 6, 0.01: 9, 0.05: 10}  # up to so many seconds: that many of ten
QUANTILES = "histogram_quantile({q}, sum by (le) (increase(shelfwise_request_seconds_bucket[1h])))"


def openmetrics(end: float) -> str:
    """Samples of the last hour and some minutes, as promtool reads them."""
    series = dict(GROWING)
    grown = 0
    for bound in (*SECONDS, float("inf")):
        grown = LATENCY.get(bound, grown)
        le = "+Inf" if bound == float("inf") else f"{bound}"
        series[f'shelfwise_request_seconds_bucket{{route="{LISTS}",le="{le}"}}'] = grown
    lines = []
    for name, by in series.items():
        first = end - STEP * STEPS
        lines += [f"{name} {by * place} {first + STEP * place:.0f}" for place in range(STEPS + 1)]
    return "\n".join([*lines, "# EOF", ""])


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """The address of a Prometheus that has the samples, and when they end."""
    if not SERVER or not TOOL:
        pytest.skip("prometheus and promtool aren't installed (Debian: apt-get install prometheus)")
    folder, end = tmp_path_factory.mktemp("prometheus"), float(int(time.time()))
    (folder / "samples").write_text(openmetrics(end), encoding="utf-8")
    make = [TOOL, "tsdb", "create-blocks-from", "openmetrics", folder / "samples", folder / "data"]
    subprocess.run(make, check=True, capture_output=True)
    (folder / "prometheus.yml").write_text("global: {scrape_interval: 1h}\n", encoding="utf-8")
    address = f"http://127.0.0.1:{free_port()}"
    command = [SERVER, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"]
    command += [f"--web.listen-address={address.removeprefix('http://')}", "--log.level=error"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(address)
        yield address, end
    finally:
        process.terminate()
        process.wait(20)


def _wait(address: str) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"{address}/-/ready", timeout=1):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise AssertionError("Prometheus didn't start")


def test_a_real_prometheus_gives_what_was_counted(real):
    address, end = real
    found = Prometheus(address).answers(window("1h", end))
    minutes = found.window.seconds / 60
    assert found.total.n == pytest.approx(40 * minutes, rel=0.05)
    assert found.total.error_rate == pytest.approx(0.1, rel=0.01)
    assert found.line("/health").n == pytest.approx(16 * minutes, rel=0.05)
    assert found.tally("fallback")[["route", "kind"]].to_numpy().tolist() == [["recommendations", "DeadlineExceeded"]]
    assert found.fallback_share == pytest.approx(8 / 36, rel=0.05) and found.cold_share == 1
    assert found.source == "Prometheus" and found.series()["n"].iloc[5] == pytest.approx(40)


def test_quantiles_are_those_of_its_own_function(real):
    address, end = real
    found = Prometheus(address).answers(window("1h", end)).total.quantiles
    for share, own in zip((0.5, 0.95, 0.99), found, strict=True):
        asked = {"query": QUANTILES.format(q=share), "time": str(end)}
        told = httpx2.get(f"{address}/api/v1/query", params=asked).json()["data"]["result"][0]["value"][1]
        assert own.seconds == pytest.approx(float(told), rel=1e-6)


def told(*series, status="success", kind="matrix"):
    return orjson.dumps({"status": status, "data": {"resultType": kind, "result": list(series)}})


def asked(body: bytes, status: int = 200):
    """What is made of an answer."""
    transport = httpx2.MockTransport(lambda request: httpx2.Response(status, content=body))
    return Prometheus("http://p", transport=transport).answers(window("1h", 1_800_000_000.0))


def series(value="1", **labels):
    return {"metric": labels, "values": [[1_800_000_000, value]]}


@pytest.mark.parametrize(
    "body",
    [
        b"<html>a proxy</html>",
        b"[]",
        b"{}",
        told(status="error"),
        told(kind="vector"),
        told({"metric": [], "values": []}),
        told({"metric": {"route": 5}, "values": []}),
        told({"metric": {}, "values": [[1]]}),
        told({"metric": {}, "values": [["now", "1"]]}),
        told({"metric": {}, "values": [[1, "much"]]}),
        told({"metric": {"route": "x" * 1_000}, "values": []}),
        told(series(le="0.3", route="/")),
        told(*[series(route="/")] * (prometheus.MOST_SERIES + 1)),
        b"[" * 100_000,
    ],
)
def test_what_does_not_speak_as_a_prometheus_is_told(body):
    with pytest.raises(WatchingError):
        asked(body)


@pytest.mark.parametrize("value", ["NaN", "-1", "+Inf", "0"])
def test_numbers_that_count_nothing_are_left_out(value):
    assert asked(told(series(value, route="/", status="200", le="+Inf"))).total.n == 0


def test_statuses_too_large_answers_and_silence_are_told(monkeypatch):
    with pytest.raises(WatchingError, match="status 302"):
        asked(b"", status=302)
    monkeypatch.setattr(prometheus, "MOST_BYTES", 100)
    with pytest.raises(WatchingError, match="more than 100 bytes"):
        asked(b" " * 1_000)
    with pytest.raises(WatchingError, match="doesn't answer"):
        Prometheus("http://127.0.0.1:1").answers(window("1h", 1_800_000_000.0))


@pytest.mark.parametrize(
    "address",
    [
        "",
        "prometheus:9090",
        "file:///etc/passwd",
        "ftp://p",
        "http://",
        "http://u:secret@p",
        "http://p?x=1",
        "http://[::1",
    ],
)
def test_an_address_that_cannot_be_asked_is_told_without_its_password(address):
    with pytest.raises(SettingsError, match="SHELFWISE_PROMETHEUS") as told:
        address_of(address)
    assert "secret" not in str(told.value)


def test_an_address_may_have_a_path():
    assert address_of("https://example.org/prometheus/") == "https://example.org/prometheus"
