"""Batches: a pure function of seed and step, the same records however many processes share them."""

import itertools
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from sets import write_pictures, write_tokens

from dalle_mini.data.loader import Batch, Loader, mix_batches
from dalle_mini.data.shards import RecordSet
from dalle_mini.errors import ConfigError, DataError

COUNT = 22


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> RecordSet:
    rows = np.arange(COUNT)[:, None]
    return write_tokens(tmp_path_factory.mktemp("tokens"), rows + np.arange(4), rows * np.ones(9), per_shard=5)


def same(one: Batch, two: Batch) -> bool:
    return one.ids == two.ids and all(np.array_equal(one.arrays[name], two.arrays[name]) for name in one.arrays)


def test_a_batch_holds_the_records_that_it_names(tokens: RecordSet) -> None:
    batch = Loader(tokens, batch_size=6, seed=3).at(2)
    assert batch.arrays["text"].shape == (6, 4) and batch.arrays["image"].shape == (6, 9)
    assert batch.arrays["text"].dtype == batch.arrays["image"].dtype == np.int32
    for id, caption, text, image in zip(batch.ids, batch.captions, *batch.arrays.values(), strict=True):
        number = int(id.removeprefix("t"))
        assert caption == f"caption {number}"
        assert text.tolist() == list(range(number, number + 4)) and (image == number).all()


def test_pictures_are_batched_as_bytes(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(256, size=(3, 8, 8, 3), dtype=np.uint8)
    batch = Loader(write_pictures(tmp_path, pixels, list("abc")), batch_size=4, seed=0).at(0)
    assert batch.arrays["pixels"].dtype == np.uint8
    assert np.array_equal(batch.arrays["pixels"], pixels[[int(id[1:]) for id in batch.ids]])


def test_iterating_from_any_step_gives_the_batches_of_those_steps(tokens: RecordSet) -> None:
    loader = Loader(tokens, batch_size=6, seed=3)
    for first in (0, 5):
        read = list(itertools.islice(loader.iterate(first), 9))
        again = Loader(tokens, batch_size=6, seed=3)
        assert all(same(batch, again.at(first + step)) for step, batch in enumerate(read))


def test_every_epoch_has_each_record_once_in_another_order(tokens: RecordSet) -> None:
    loader = Loader(tokens, batch_size=2, seed=3)
    epochs = [[id for step in range(11) for id in loader.at(11 * epoch + step).ids] for epoch in range(3)]
    assert all(Counter(ids) == Counter(f"t{index}" for index in range(COUNT)) for ids in epochs)
    assert len({tuple(ids) for ids in epochs}) == 3


def test_batches_may_have_one_row_or_more_than_the_set(tokens: RecordSet) -> None:
    assert len(Loader(tokens, batch_size=1, seed=3).at(5).ids) == 1
    assert Counter(Loader(tokens, batch_size=3 * COUNT, seed=3).at(0).ids) == Counter(
        3 * [f"t{n}" for n in range(COUNT)]
    )


def test_kin_stay_together_in_a_batch_whoever_shares_it(tokens: RecordSet) -> None:
    whole = [Loader(tokens, batch_size=8, seed=3, kin=2).at(step) for step in range(11)]
    for batch in whole:
        numbers = [int(id[1:]) for id in batch.ids]
        assert all(first % 2 == 0 and second == first + 1 for first, second in zip(*(iter(numbers),) * 2, strict=True))
    assert Counter(id for batch in whole for id in batch.ids) == Counter(4 * [f"t{n}" for n in range(COUNT)])
    shared = [Loader(tokens, batch_size=8, seed=3, kin=2, process=n, processes=2).at(0) for n in range(2)]
    assert sorted(id for batch in shared for id in batch.ids) == sorted(whole[0].ids)


def test_what_is_left_over_of_kin_is_left_out(tokens: RecordSet) -> None:
    loader = Loader(tokens, batch_size=4, seed=3, kin=4)
    assert {id for step in range(20) for id in loader.at(step).ids} == {f"t{n}" for n in range(20)}


@pytest.mark.parametrize(("batch_size", "kin"), [(6, 4), (2, 4), (4 * COUNT, 2 * COUNT)])
def test_kin_that_fit_no_batch_are_told_of(tokens: RecordSet, batch_size: int, kin: int) -> None:
    with pytest.raises(ConfigError, match=f"no room for {kin} records"):
        Loader(tokens, batch_size=batch_size, seed=3, kin=kin)


def test_seeds_give_other_orders(tokens: RecordSet) -> None:
    orders = {tuple(Loader(tokens, batch_size=COUNT, seed=seed).at(0).ids) for seed in range(5)}
    assert len(orders) == 5


@pytest.mark.parametrize("processes", [1, 2, 3, 6])
def test_processes_share_the_batch_of_a_step(tokens: RecordSet, processes: int) -> None:
    whole = Loader(tokens, batch_size=6, seed=3)
    shares = [Loader(tokens, batch_size=6, seed=3, process=n, processes=processes) for n in range(processes)]
    for step in (0, 1, 7):
        assert sum((share.at(step).ids for share in shares), []) == whole.at(step).ids


@pytest.mark.parametrize("processes", [2, 3, 6])
def test_a_mixed_batch_is_the_same_however_many_processes_share_it(tokens: RecordSet, processes: int) -> None:
    def mixed(**share: int) -> Batch:
        return mix_batches([Loader(tokens, batch_size=rows, seed=rows, **share).at(3) for rows in (18, 6, 12)])

    whole = mixed()
    shares = [mixed(process=process, processes=processes) for process in range(processes)]
    assert sum((share.ids for share in shares), []) == whole.ids
    assert sum((share.captions for share in shares), []) == whole.captions
    for name, array in whole.arrays.items():
        assert np.array_equal(np.concatenate([share.arrays[name] for share in shares]), array)
    assert whole.arrays["image"][:, 0].tolist() == [int(id.removeprefix("t")) for id in whole.ids]


@pytest.mark.parametrize(
    "given", [{"batch_size": 7, "processes": 2}, {"batch_size": 0}, {"batch_size": 4, "process": 1}]
)
def test_shares_that_do_not_work_out_are_refused(tokens: RecordSet, given: dict[str, int]) -> None:
    with pytest.raises(ConfigError):
        Loader(tokens, seed=0, **given)


def test_damage_is_named_from_the_threads_too(tmp_path: Path) -> None:
    tokens = write_tokens(tmp_path, np.zeros((4, 4)), np.zeros((4, 9)))
    shard = tmp_path / tokens.manifest.shards[0].file
    shard.write_bytes(bytes(shard.stat().st_size))
    with pytest.raises(DataError, match="tokens-00000.array_record is damaged"):
        next(Loader(RecordSet.open(tmp_path, "tokens"), batch_size=2, seed=0).iterate())
