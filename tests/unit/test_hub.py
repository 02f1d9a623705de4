"""Downloads, from a small Hub on this machine: whole and checked, or not there at all."""

import contextlib
import hashlib
import http.server
import json
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from dalle_mini.checkpoints import hub
from dalle_mini.errors import CheckpointError, OutputError

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "tests/tiny"
WEIGHTS = bytes(range(256)) * 4000
FILES = {
    "config.json": b'{"model_type": "dallebart"}',
    "tokenizer.json": b"{}",
    "vqgan/config.json": b"{}",
    "flax_model.msgpack": WEIGHTS,
    "README.md": b"a card",
    "pytorch_model.bin": b"a pickle",
    "opt_state.msgpack": b"for training only",
}
FETCHED = ["config.json", "flax_model.msgpack", "tokenizer.json", "vqgan/config.json"]


class Hub(http.server.ThreadingHTTPServer):
    """Answers what `fetch` asks; tests change `files`, `stated`, `cut` and `failures`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = dict(FILES)
        self.stated = dict(FILES)
        self.cut: list[int] = []
        """How many bytes of the weights to send before hanging up, for the next requests."""
        self.failures: list[int] = []
        """Statuses to answer the next requests for the weights with, after the cuts."""
        self.commit = COMMIT
        self.info_status = 200
        self.requests: list[tuple[str, str | None]] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def describe(self) -> bytes:
        siblings = []
        for name, content in self.stated.items():
            sibling = {"rfilename": name, "size": len(content)}
            if name.endswith(".msgpack"):
                digest = hashlib.sha256(content).hexdigest()
                sibling["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 134}
            sibling["blobId"] = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            siblings.append(sibling)
        return json.dumps({"id": REPOSITORY, "sha": self.commit, "siblings": siblings}).encode()

    def asked_for(self, name: str) -> list[str | None]:
        """The ranges that were asked of a file."""
        return [asked for path, asked in self.requests if path.endswith("/" + name)]


class Handler(http.server.BaseHTTPRequestHandler):
    @property
    def hub(self) -> Hub:
        assert isinstance(self.server, Hub)
        return self.server

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.hub.requests.append((self.path, asked))
        path = self.path.partition("?")[0]
        if path == f"/api/models/{REPOSITORY}/revision/main":
            return self.answer(self.hub.info_status, self.hub.describe())
        match = re.fullmatch(rf"/{REPOSITORY}/resolve/{self.hub.commit}/(.+)", path)
        if not match or match[1] not in self.hub.files:
            return self.answer(404, b"", {"X-Error-Code": "RepoNotFound"})
        content = self.hub.files[match[1]]
        if content is not WEIGHTS or not (self.hub.cut or self.hub.failures):
            return self.send_from(content, asked, len(content))
        if self.hub.cut:
            return self.send_from(content, asked, self.hub.cut.pop(0))
        return self.answer(self.hub.failures.pop(0), b"")

    def send_from(self, content: bytes, asked: str | None, most: int) -> None:
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        headers = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if asked else {}
        rest = content[start:]
        self.answer(206 if asked else 200, rest[:most], headers, length=len(rest))

    def answer(
        self, status: int, body: bytes, headers: dict[str, str] | None = None, length: int | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(body)


@pytest.fixture
def server() -> Iterator[Hub]:
    with Hub() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of the Hub's own tools, elsewhere than the user's; and smaller pieces to write."""
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 100_000)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def fetch(server: Hub, folder: Path) -> Path:
    return hub.fetch(REPOSITORY, folder, endpoint=server.endpoint)


def visible(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_only_what_a_model_needs_is_fetched(server: Hub, tmp_path: Path) -> None:
    folder = tmp_path / "hub" / "tiny"
    assert fetch(server, folder) == folder
    assert visible(folder) == FETCHED
    assert all((folder / name).read_bytes() == FILES[name] for name in FETCHED)
    asked = len(server.requests)
    assert fetch(server, folder) == folder
    assert len(server.requests) == asked


def test_a_broken_connection_is_taken_up_again(server: Hub, tmp_path: Path) -> None:
    server.cut = [300_000, 200_000]
    folder = fetch(server, tmp_path / "tiny")
    assert (folder / "flax_model.msgpack").read_bytes() == WEIGHTS
    assert server.asked_for("flax_model.msgpack") == [None, "bytes=300000-", "bytes=500000-"]


def test_a_later_call_goes_on_where_an_earlier_one_stopped(server: Hub, tmp_path: Path) -> None:
    server.cut, server.failures = [300_000], [503]
    with pytest.raises(CheckpointError, match=f"answered 503 for '{REPOSITORY}'") as refusal:
        fetch(server, tmp_path / "tiny")
    assert "goes on from there" in refusal.value.hint
    assert not (tmp_path / "tiny").exists()
    server.requests.clear()
    folder = fetch(server, tmp_path / "tiny")
    assert (folder / "flax_model.msgpack").read_bytes() == WEIGHTS
    assert server.asked_for("flax_model.msgpack") == ["bytes=300000-"]
    assert server.asked_for("config.json") == []
    assert visible(folder) == FETCHED


def test_an_update_in_between_starts_anew(server: Hub, tmp_path: Path) -> None:
    server.cut, server.failures = [300_000], [503]
    with pytest.raises(CheckpointError):
        fetch(server, tmp_path / "tiny")
    server.commit = "f" * 40
    server.requests.clear()
    fetch(server, tmp_path / "tiny")
    assert server.asked_for("flax_model.msgpack") == [None]
    assert not list(tmp_path.glob(".tiny.*.partial"))


@pytest.mark.parametrize("name", ["flax_model.msgpack", "config.json"])
def test_a_wrong_digest_is_refused_and_thrown_away(server: Hub, tmp_path: Path, name: str) -> None:
    content = bytearray(FILES[name])
    content[5] ^= 1
    server.files[name] = bytes(content)
    with pytest.raises(CheckpointError, match="expected digest") as refusal:
        fetch(server, tmp_path / "tiny")
    assert name in str(refusal.value)
    assert not (tmp_path / "tiny").exists()
    assert not [path for path in tmp_path.rglob("*") if path.name.endswith(f"{name}.partial")]
    server.files[name] = FILES[name]
    assert visible(fetch(server, tmp_path / "tiny")) == FETCHED


@pytest.mark.parametrize("stated", [WEIGHTS[:-1], WEIGHTS + b"\0"])
def test_a_wrong_size_is_refused(server: Hub, tmp_path: Path, stated: bytes) -> None:
    server.stated["flax_model.msgpack"] = stated
    with pytest.raises(CheckpointError, match="broke off|expected digest"):
        fetch(server, tmp_path / "tiny")
    assert not (tmp_path / "tiny").exists()
    server.stated["flax_model.msgpack"] = WEIGHTS
    assert visible(fetch(server, tmp_path / "tiny")) == FETCHED


def test_names_that_lead_elsewhere_are_not_fetched(server: Hub, tmp_path: Path) -> None:
    for name in ("../config.json", "/etc/config.json", "vqgan/../../config.json", "other/config.json"):
        server.stated[name] = server.files[name] = b"{}"
    assert visible(fetch(server, tmp_path / "tiny")) == FETCHED


def test_a_repository_without_a_model(server: Hub, tmp_path: Path) -> None:
    server.stated = {"pytorch_model.bin": b"a pickle"}
    with pytest.raises(CheckpointError, match="holds nothing of a model") as refusal:
        fetch(server, tmp_path / "tiny")
    assert "pickles are never fetched" in refusal.value.hint


def test_a_repository_that_is_not_there(server: Hub, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no model 'tests/other'") as refusal:
        hub.fetch("tests/other", tmp_path / "other", endpoint=server.endpoint)
    assert "hf auth login" in refusal.value.hint


def test_a_name_that_can_not_be_on_the_hub(server: Hub, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="'tests/a--b' can't be a model"):
        hub.fetch("tests/a--b", tmp_path / "other", endpoint=server.endpoint)


@pytest.mark.parametrize("answer", [b"<html>Please log in</html>", b"[]", b"{}", b'{"id": "x", "sha": "main"}'])
def test_what_is_not_the_hub_is_told(
    server: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    monkeypatch.setattr(server, "describe", lambda: answer)
    with pytest.raises(CheckpointError, match="is not the Hub") as refusal:
        fetch(server, tmp_path / "tiny")
    assert "HF_ENDPOINT" in refusal.value.hint


def test_a_hub_in_trouble(server: Hub, tmp_path: Path) -> None:
    server.info_status = 500
    with pytest.raises(CheckpointError, match="answered 500"):
        fetch(server, tmp_path / "tiny")


def test_no_network_is_told_at_once(tmp_path: Path) -> None:
    with socket.socket() as unheard:  # bound, but nobody listens
        unheard.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{unheard.getsockname()[1]}"
        with pytest.raises(CheckpointError, match=f"can't reach the Hub at {endpoint}") as refusal:
            hub.fetch(REPOSITORY, tmp_path / "tiny", endpoint=endpoint)
    assert "--model nano" in refusal.value.hint


def test_a_hub_that_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "FIRST_ANSWER", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(CheckpointError, match="can't reach the Hub"):
            hub.fetch(REPOSITORY, tmp_path / "tiny", endpoint=endpoint)


def test_offline_mode_asks_nobody(server: Hub, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="offline mode is on"):
        hub.fetch(REPOSITORY, tmp_path / "tiny", offline=True, endpoint=server.endpoint)
    assert server.requests == []
    folder = fetch(server, tmp_path / "tiny")
    assert hub.fetch(REPOSITORY, folder, offline=True) == folder


@pytest.mark.parametrize("whole", [True, False])
def test_what_other_tools_have_fetched_is_used_if_whole(server: Hub, tmp_path: Path, cache: Path, whole: bool) -> None:
    repository = cache / "models--tests--tiny"
    snapshot = repository / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    (snapshot / "config.json").write_text("{}")
    if whole:
        (snapshot / "flax_model.msgpack").write_bytes(b"\x80")
    found = fetch(server, tmp_path / "tiny")
    assert found == (snapshot if whole else tmp_path / "tiny")


def test_a_disk_without_room_is_told_before_anything_is_fetched(server: Hub, tmp_path: Path) -> None:
    class Huge(bytes):
        def __len__(self) -> int:
            return 10**18

    server.stated["flax_model.msgpack"] = Huge(b"")
    with pytest.raises(OutputError, match="has room for .* GB, the download takes 1000000000.0 GB") as refusal:
        fetch(server, tmp_path / "tiny")
    assert "DALLE_MINI_HOME" in refusal.value.hint
    assert server.asked_for("config.json") == []


def test_a_file_where_the_folder_should_be(server: Hub, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError) as refusal:
        fetch(server, tmp_path / "file" / "hub" / "tiny")
    assert "a file is in the way" in refusal.value.hint
