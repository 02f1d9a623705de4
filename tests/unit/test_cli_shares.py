"""`dalle-mini shares`: reported pages are listed, shown again, deleted."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from shared import publish

from dalle_mini.cli import main
from dalle_mini.serving.answers import Gone, NotFound
from dalle_mini.serving.settings import read_settings
from dalle_mini.serving.shares import Shares, open_shares


@pytest.fixture
def shares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shares]:
    """Those of a server that runs meanwhile."""
    monkeypatch.setenv("DALLE_MINI_STORE", str(tmp_path))
    monkeypatch.setenv("DALLE_MINI_REPORTS_TO_HIDE", "1")
    shares = open_shares(read_settings())
    yield shares
    shares.close()


def test_reported_pages_are_looked_at(shares: Shares, capsys: pytest.CaptureFixture[str]) -> None:
    (fine, _), (wrong, _), (other, _) = (publish(shares) for _ in range(3))
    for share in (fine, wrong):
        shares.report(share.id, reporter="a", reason="sexual")
        with pytest.raises(NotFound):
            shares.find(share.id)
    assert main(["shares", "list"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed] == [fine.id, wrong.id]
    assert "1 (sexual)" in listed[0] and Path(listed[0].split()[-1]).is_file()
    assert main(["shares", "approve", fine.id]) == main(["shares", "delete", wrong.id]) == 0
    assert shares.find(fine.id) == fine and shares.find(other.id) == other
    with pytest.raises(Gone):
        shares.find(wrong.id)
    capsys.readouterr()
    assert main(["shares", "list"]) == 0 and not capsys.readouterr().out


@pytest.mark.parametrize("command", ["approve", "delete"])
@pytest.mark.parametrize("id", ["a" * 22, "../x", ""])
def test_an_id_that_is_none_is_refused(
    shares: Shares, command: str, id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["shares", command, id]) == 2
    assert "error: there is no such page" in capsys.readouterr().err
