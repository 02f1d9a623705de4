"""docs/quirks.md and the `# Quirk:` comments say the same."""

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_quirk_in_the_code_is_in_the_table():
    package = ROOT / "dalle_mini"
    counts = {
        path.relative_to(package).as_posix(): path.read_text().count("# Quirk:") for path in package.rglob("*.py")
    }
    table = Counter(re.findall(r"^\| `([\w/]+\.py)`", (ROOT / "docs" / "quirks.md").read_text(), re.MULTILINE))
    assert +Counter(counts) == table
