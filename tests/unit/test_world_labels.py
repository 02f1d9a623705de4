"""Labels of scenes: the facts that a scene states, under the names that a judge asks for."""

from dalle_mini.judge_config import FIELDS
from recipes.world.facts import Facts
from recipes.world.labels import label_facts


def test_a_scene_is_labelled_with_what_it_states() -> None:
    assert label_facts(Facts(("cat",))) == {"thing": "cat", "count": "1"}
    full = Facts(("cat",), material="cheese", background="moon", style="neon", count=2)
    assert label_facts(full) == {
        "thing": "cat",
        "attribute": "of cheese",
        "count": "2",
        "background": "moon",
        "style": "neon",
    }
    pair = label_facts(Facts(("frog", "horse"), color="red", relation="riding"))
    assert pair == {"thing": "frog", "second": "horse", "relation": "riding", "attribute": "red"}
    assert set(label_facts(full)) | set(pair) <= set(FIELDS)
