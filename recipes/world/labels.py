"""What a scene is labelled with, for a judge to learn: its facts by field, and nothing about what they leave open."""

from recipes.world.facts import Facts


def label_facts(facts: Facts) -> dict[str, str]:
    """The labels of a scene; an attribute is a color or "of" a material, and only single things have a count."""
    first, *others = facts.things
    labels = {
        "thing": first,
        "second": others[0] if others else "",
        "relation": facts.relation,
        "attribute": facts.color or (f"of {facts.material}" if facts.material else ""),
        "count": "" if others else str(facts.count),
        "background": facts.background,
        "style": facts.style,
    }
    return {name: value for name, value in labels.items() if value}
