"""The built web app, as browsers get it from a real Envoy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gateway.launch import Gateway
from gateway.options import Pages
from gateway.pages import MAX_FILE_BYTES, NotServableError, page_routes
from tests.gateway.conftest import gateway_to

HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
SCRIPT = "assets/index-DkE7_x2q.js"
FILES = {
    "index.html": '<!doctype html><script type="module" src="/assets/index-DkE7_x2q.js"></script>',
    SCRIPT: "console.log('hello');" * 200,
    "assets/index-B2cd_e4F.css": "body { margin: 0 }",
    "favicon.svg": '<svg xmlns="http://www.w3.org/2000/svg"/>',
    "config.json": '{"api": ""}',
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory, app: Path) -> Iterator[Gateway]:
    """No worker: pages need none."""
    folder = tmp_path_factory.mktemp("edge")
    with gateway_to(folder, ["127.0.0.1:1"], pages=Pages(app)) as running:
        yield running


@pytest.fixture
def http(edge: Gateway) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://{edge.address}", timeout=30) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "kind", "kept"),
    [
        ("/", "text/html; charset=utf-8", "no-cache"),
        ("/index.html", "text/html; charset=utf-8", "no-cache"),
        (f"/{SCRIPT}", "application/javascript", "public, max-age=31536000, immutable"),
        (
            "/assets/index-B2cd_e4F.css",
            "text/css; charset=utf-8",
            "public, max-age=31536000, immutable",
        ),
        ("/favicon.svg", "image/svg+xml", "no-cache"),
        ("/config.json", "application/json", "no-store"),
    ],
)
def test_each_file_says_what_it_is_and_how_long_it_may_be_kept(
    http: httpx.Client, path: str, kind: str, kept: str
) -> None:
    answered = http.get(path)
    assert answered.status_code == 200
    assert answered.text == FILES.get(path.strip("/") or "index.html")
    assert answered.headers["content-type"] == kind
    assert answered.headers["cache-control"] == kept
    assert answered.headers["x-content-type-options"] == "nosniff"
    assert http.head(path).status_code == 200


@pytest.mark.parametrize("path", ["/timeline", "/insights/ins_1", "/history?query=x", "/whatever"])
def test_addresses_that_the_app_knows_itself_open_its_page(http: httpx.Client, path: str) -> None:
    answered = http.get(path, headers=HTML)
    assert answered.text == FILES["index.html"]
    assert answered.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/assets/index-00000000.js", HTML),  # of an older build
        ("GET", "/timeline", {"accept": "application/json"}),
        ("GET", "/v1/nothing", HTML),
        ("POST", "/", HTML),
        ("DELETE", f"/{SCRIPT}", HTML),
        ("GET", "/.git/config", HTML),
    ],
)
def test_everything_else_is_not_there(
    http: httpx.Client, method: str, path: str, headers: dict[str, str]
) -> None:
    assert http.request(method, path, headers=headers).status_code == 404


def test_no_path_leads_out_of_the_folder(http: httpx.Client) -> None:
    for path in ("/assets/../../etc/passwd", "/assets/..%2f..%2fetc/passwd", "//etc/passwd"):
        answered = http.get(path, headers={"accept": "*/*"})
        assert answered.status_code in (400, 404), path


def test_a_page_runs_no_script_that_stands_in_it(http: httpx.Client) -> None:
    policy = dict(
        part.strip().split(" ", 1)
        for part in http.get("/").headers["content-security-policy"].split(";")
    )
    assert policy["script-src"] == policy["default-src"] == policy["connect-src"] == "'self'"
    assert policy["object-src"] == policy["frame-ancestors"] == "'none'"


def test_what_the_browser_has_already_is_not_sent_again(http: httpx.Client) -> None:
    for path in ("/", f"/{SCRIPT}", "/favicon.svg"):
        first = http.get(path)
        again = http.get(path, headers={"if-none-match": first.headers["etag"]})
        assert again.status_code == 304
        assert again.content == b""
        assert http.get(path, headers={"if-none-match": 'W/"else"'}).status_code == 200
    assert "etag" not in http.get("/config.json").headers  # it may be exchanged


def test_large_files_are_compressed_and_keep_their_tag(http: httpx.Client) -> None:
    answered = http.get(f"/{SCRIPT}", headers={"accept-encoding": "gzip"})
    assert answered.headers["content-encoding"] == "gzip"
    assert "accept-encoding" in answered.headers["vary"].lower()
    assert answered.headers["etag"] == http.get(f"/{SCRIPT}").headers["etag"]
    assert answered.text == FILES[SCRIPT]


def test_the_contract_is_there_to_be_read(http: httpx.Client) -> None:
    document = http.get("/openapi.json")
    assert document.headers["content-type"] == "application/json"
    assert document.json()["openapi"] == "3.1.0"


def test_a_folder_that_is_no_app_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotServableError, match="no web app"):
        page_routes(Pages(tmp_path))
    (tmp_path / "index.html").write_text("x")
    (tmp_path / "film.mp4").write_bytes(bytes(MAX_FILE_BYTES + 1))
    with pytest.raises(NotServableError, match="larger"):
        page_routes(Pages(tmp_path))
