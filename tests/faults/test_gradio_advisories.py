"""What Gradio was once warned of (its security advisories), tried on the page as it is served."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from doubles import make_tiny_model
from served import PATIENCE, ROOT, Server

EVIL = "https://evil.example"
SECRET = "b7a1-not-for-you"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("page")
    (folder / "secret.txt").write_text(SECRET)
    server = Server(make_tiny_model(folder / "tiny"), folder)
    address = server.wait_for(r"http://\S+")[0]
    with httpx.Client(base_url=address, timeout=PATIENCE) as client:
        client.headers["X-Secret-Folder"] = str(folder)
        yield client
    server.close()


@pytest.mark.parametrize("start", ["/gradio_api", ""])
@pytest.mark.parametrize(
    "path",
    [
        "/file={folder}/secret.txt",
        "/file=/etc/passwd",
        "/file={root}/pyproject.toml",
        "/file=../../../../../../etc/passwd",
        "/file=//etc/passwd",
        "/file/etc/passwd",
        "/static/../../../../etc/passwd",
        "/static/..%2f..%2f..%2f..%2fetc/passwd",
        "/assets/..%2f..%2f..%2f..%2fetc/passwd",
        "/svelte/..%2f..%2f..%2f..%2fetc/passwd",
        "/custom_component/x/client/component/..%2f..%2f..%2f..%2fetc/passwd",
    ],
)
def test_no_file_of_the_server_can_be_read(page: httpx.Client, start: str, path: str) -> None:
    """Paths that lead out of what is served, as in CVE-2023-34239, CVE-2023-51449, CVE-2024-1561 and CVE-2026-28414."""
    folder = page.headers["X-Secret-Folder"]
    answer = page.get(start + path.format(folder=folder, root=ROOT))
    assert answer.status_code >= 300 or "<html" in answer.text or "<!doctype" in answer.text.lower()
    assert SECRET not in answer.text and "root:" not in answer.text and "[build-system]" not in answer.text


@pytest.mark.parametrize("path", ["/file={}", "/proxy={}", "/gradio_api/file={}", "/gradio_api/proxy={}"])
@pytest.mark.parametrize("target", [EVIL, "http://127.0.0.1:1/", "//evil.example", "http:/evil.example"])
def test_no_other_host_is_asked_and_nobody_is_sent_there(page: httpx.Client, path: str, target: str) -> None:
    """Requests that the server makes for others, as in CVE-2026-28416, and open redirects."""
    answer = page.get(path.format(target), follow_redirects=False)
    assert answer.status_code >= 400
    assert "evil.example" not in answer.headers.get("location", "")


@pytest.mark.parametrize("origin", [EVIL, "null", "http://localhost.evil.example"])
@pytest.mark.parametrize("path", ["/config", "/gradio_api/queue/join", "/gradio_api/upload", "/api/v1/models"])
def test_no_other_site_reads_answers(page: httpx.Client, origin: str, path: str) -> None:
    """A page elsewhere that speaks to a server at home."""
    for answer in (page.get(path, headers={"Origin": origin}), page.options(path, headers={"Origin": origin})):
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-Host": "evil.example"},
        {"X-Forwarded-Host": 'evil.example"><script>alert(1)</script>'},
        {"X-Forwarded-Proto": "javascript"},
        {"Host": "evil.example"},
        {"X-Gradio-Server": EVIL},
    ],
)
def test_headers_do_not_put_scripts_of_others_into_the_page(page: httpx.Client, headers: dict[str, str]) -> None:
    """Scripts of strangers and poisoned caches: what the page loads is its own."""
    text = page.get("/", headers=headers).text
    loaded = re.findall(r"""(?:src|href)=["']([^"']+)""", text)
    assert not [address for address in loaded if "evil.example" in address] and "<script>alert(1)" not in text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/gradio_api/monitoring"),
        ("GET", "/monitoring"),
        ("GET", "/gradio_api/monitoring/summary"),
        ("GET", "/gradio_api/deep_link?session_hash=a"),
        ("GET", "/gradio_api/profiling/traces"),
        ("POST", "/gradio_api/vibe-edit"),
        ("GET", "/gradio_api/vibe-code"),
        ("POST", "/gradio_api/vibe-code"),
        ("GET", "/gradio_api/run-history/records"),
        ("POST", "/gradio_api/process_recording"),
        ("GET", "/docs"),
    ],
)
def test_what_the_page_has_no_use_for_is_shut(page: httpx.Client, method: str, path: str) -> None:
    """Monitoring, deep links that never expire, and tools for developers."""
    answer = page.request(method, path)
    assert answer.status_code >= 400 or not answer.json(), answer.text[:300]


def test_the_components_cannot_be_reached_for_files(page: httpx.Client) -> None:
    """Any method of any component could be called: CVE-2024-1561 and CVE-2024-34511."""
    for name in ("move_resource_to_block_cache", "read_file", "ls", "__init__"):
        body = {"component_id": "1", "fn_name": name, "session_hash": "a", "data": "/etc/passwd"}
        answer = page.post("/gradio_api/component_server", json=body)
        assert answer.status_code >= 400 and "root:" not in answer.text


@pytest.mark.parametrize("name", ["../../evil.txt", "x.svg", "x.html", "a" * 300 + ".txt"])
def test_uploads_are_small_and_stay_where_they_are_put(page: httpx.Client, name: str) -> None:
    """Uploads whose names lead elsewhere, and files that are too large."""
    large = page.post("/gradio_api/upload", files={"files": (name, b"x" * 100_000)})
    assert large.status_code >= 400
    small = page.post("/gradio_api/upload", files={"files": (name, b"<script>alert(1)</script>")})
    if small.status_code == 200:
        (path,) = small.json()
        assert ".." not in path and Path(path).resolve().is_relative_to(Path(path).parents[2].resolve())
        fetched = page.get(f"/gradio_api/file={path}")
        is_shown = fetched.headers.get("content-type", "").startswith(("text/html", "image/svg"))
        assert not is_shown or "attachment" in fetched.headers.get("content-disposition", "")


def test_endpoints_of_the_page_are_no_interface(page: httpx.Client) -> None:
    """What the page calls is not offered to programs, nor answered past the queue."""
    info = page.get("/gradio_api/info")
    assert info.status_code >= 400 or not info.json()["named_endpoints"]
    fields = {"data": ["a red car", "nano", 1, 2.0, 1.0, 50, 1.0, 0, 0.0, ""]}
    assert page.post("/gradio_api/run/draw", json=fields).status_code >= 400
