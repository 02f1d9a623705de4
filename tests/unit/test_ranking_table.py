"""What choosing among more pictures gains and costs, against shares and seconds made up by hand."""

from typing import Any

from recipes.nano.ranking_table import Row, write_ranking


def make_report(shares: dict[int, float | None], drawing: float, ranking: float) -> dict[str, Any]:
    told = {count: {"thing_top1": {"share": share, "prompts": 4}} for count, share in shares.items()}
    best = {str(count): entry for count, entry in told.items() if count > 1}
    seconds = {"drawing": drawing, "ranking": ranking}
    return {"fields": told[1], "best_by_clip": best, "seconds": seconds}


def test_shares_by_number_and_the_batches_that_they_cost() -> None:
    rows = [
        Row("single", "thing_top1", make_report({1: 0.25, 9: 0.5, 36: 0.75}, 4.0, 0.4)),
        Row("styles", "thing_top1", make_report({1: None, 9: 0.7, 36: 0.85}, 4.0, 0.4)),
    ]
    assert write_ranking(rows, (9, 36)).splitlines() == [
        "| best of | 1 | 9 | 36 |",
        "| --- | --- | --- | --- |",
        "| single | 25.0% | 50.0% | 75.0% |",
        "| styles |  | 70.0% | 85.0% |",
        "| mean | 25.0% | 60.0% | 80.0% |",
        "| seconds a grid | 1.00 | 1.10 | 4.40 |",
    ]


def test_without_a_ranker_there_is_nothing_to_tell() -> None:
    unranked = make_report({1: 0.5}, 1.0, 0.0)
    assert write_ranking([Row("single", "thing_top1", unranked)], (9,)) == ""
