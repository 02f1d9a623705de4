"""docs/quirks.md and the `# Quirk:` comments say the same."""

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_quirk_in_the_code_is_in_the_table():
    in_code = Counter({path.name: path.read_text().count("# Quirk:") for path in (ROOT / "dalle_mini").rglob("*.py")})
    table = Counter(re.findall(r"^\| `(\w+\.py)`", (ROOT / "docs" / "quirks.md").read_text(), re.MULTILINE))
    assert +in_code == table
