"""Pseudonyms: keyed, the same everywhere, in every place that leads back to a person, and with the key in none."""

import hashlib
import hmac
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from prefactor.errors import InputError
from prefactor.preferences import PROMPTS, Preferences, TextBatches, content_id
from prefactor.pseudonyms import Pseudonyms
from stages.prepare import prepare
from tests.stages.conftest import write_own_file

KEY = "correct horse battery staple"
VARIABLE = "PREFACTOR_TEST_PSEUDONYM_KEY"
PEOPLE = ["zoë", "7", "zoë", "user-0000001"]


def preferences() -> Preferences:
    """Four pairs of three people, in interactions of one user each, with candidates and conversations."""
    ids = [content_id("p", name) for name in "abc"]
    chosen, rejected = [ids[0], ids[1], ids[2], ids[0]], [ids[1], ids[2], ids[0], ids[2]]
    groups = ["int1", "int2", "int3", "int4"]
    pairs = {
        "pair_id": [content_id(*row) for row in zip(PEOPLE, chosen, rejected, strict=True)],
        "user_id": PEOPLE,
        "group_id": groups,
        "chosen": chosen,
        "rejected": rejected,
        "margin": [1.0, None, 2.0, 3.0],
        "order": [0, 1, 2, None],
    }
    turn = {"prompt_id": content_id("p"), "parent": None, "turn": 0, "messages": [{"role": "user", "content": "p"}]}
    return Preferences(
        texts=pa.table({"text_id": ids, "prompt": ["p"] * 3, "response": list("abc")}),
        pairs=pa.table(pairs),
        users=pa.table({"user_id": ["7", "zoë", "user-0000001"], "age": ["30", "40", "50"]}),
        candidates=pa.table({"group_id": [*groups, "int1"], "text_id": [*ids, ids[0], ids[2]], "score": [1.0] * 5}),
        source={"name": "test", "context_of": {"int1": "home", "int2": "work"}, "dropped": {"twice": 1}},
        prompts=pa.Table.from_pylist([{**turn, "conversation_id": name} for name in ("c1", "c2")], PROMPTS),
    )


@given(st.text(), st.text())
def test_a_pseudonym_is_a_keyed_hash_of_the_id(one: str, other: str) -> None:
    names = Pseudonyms(KEY.encode())
    made = names.of(one)
    expected = hmac.new(KEY.encode(), f"prefactor user\x1f{one}".encode(), hashlib.sha256).hexdigest()
    assert made == expected[:32] == names.of(one)
    assert (made == names.of(other)) == (one == other)
    assert len({made, names.of(one, "group"), names.of(one, "conversation"), Pseudonyms(b"other").of(one)}) == 4


def test_every_id_that_leads_to_a_person_is_replaced_and_nothing_else() -> None:
    names, given_ = Pseudonyms(KEY.encode()), preferences()
    found = names.applied(given_)
    pairs = found.pairs.to_pylist()
    assert [row["user_id"] for row in pairs] == [names.of(user) for user in PEOPLE]
    assert [row["group_id"] for row in pairs] == [names.of(f"int{n}", "group") for n in (1, 2, 3, 4)]
    assert all(row["pair_id"] == content_id(row["user_id"], row["chosen"], row["rejected"]) for row in pairs)
    assert found.candidates is not None and found.prompts is not None and given_.candidates is not None
    assert found.candidates["group_id"].to_pylist()[-1] == names.of("int1", "group")
    assert found.prompts["conversation_id"].to_pylist() == [names.of(name, "conversation") for name in ("c1", "c2")]
    assert found.source["context_of"] == {names.of("int1", "group"): "home", names.of("int2", "group"): "work"}
    assert found.source["pseudonyms"] is True and found.source["dropped"] == {"twice": 1}
    same = ["chosen", "rejected", "margin", "order"]
    assert found.pairs.select(same) == given_.pairs.select(same) and found.texts is given_.texts
    assert found.users["age"] == given_.users["age"]
    assert found.candidates.drop_columns("group_id") == given_.candidates.drop_columns("group_id")
    assert "pseudonyms" not in given_.source, "what was given stays as it was"


def test_saved_pseudonymous_tables_hold_no_id_and_no_key(tmp_path: Path) -> None:
    Pseudonyms(KEY.encode()).applied(preferences()).save(tmp_path / "out")
    values = {
        value
        for path in (tmp_path / "out").glob("*.parquet")
        for column in pq.read_table(path).columns
        for value in column.to_pylist()
        if isinstance(value, str)
    }
    assert values.isdisjoint({*PEOPLE, "int1", "int2", "int3", "int4", "c1", "c2"})
    assert all(KEY.encode() not in path.read_bytes() for path in (tmp_path / "out").iterdir())


def test_texts_given_as_batches_are_passed_through() -> None:
    texts = TextBatches(lambda: [preferences().texts])
    table = preferences()
    given_ = Preferences(texts, table.pairs, table.users, None)
    assert Pseudonyms(KEY.encode()).applied(given_).texts is texts


def test_the_key_is_not_shown() -> None:
    assert KEY not in repr(Pseudonyms(KEY.encode())) + str(Pseudonyms(KEY.encode()))


@pytest.mark.parametrize(("key", "said"), [(None, "is not set"), ("short secret", "fewer than 16 characters")])
def test_a_missing_or_short_key_is_refused_without_showing_it(
    key: str | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    if key is not None:
        monkeypatch.setenv(VARIABLE, key)
    with pytest.raises(InputError, match=f"{VARIABLE}, which .*{said}.*secrets.token_hex") as error:
        Pseudonyms.from_variable(VARIABLE)
    assert key is None or key not in str(error.value)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of preferences, and parameters that ask for pseudonyms."""
    write_own_file(tmp_path / "mine.jsonl", users=3, prompts=2)
    section = {"source": "files", "input": "mine.jsonl", "options": {"columns": {"user_id": "rater"}}, "split": {}}
    values = {"datasets": {"mine": section}, "pseudonyms": {"mine": VARIABLE}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, KEY)
    return tmp_path


def test_stage_prepare_writes_pseudonyms_where_a_dataset_asks_for_them(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    prepare("mine")
    folder = project / "data" / "prepared" / "mine"
    users = pq.read_table(folder / "users.parquet")["user_id"].to_pylist()
    assert users == [Pseudonyms(KEY.encode()).of(f"rater {number}") for number in range(3)]
    assert json.loads((folder / "source.json").read_text())["pseudonyms"] is True
    written = b"".join(path.read_bytes() for path in folder.iterdir()) + "".join(capfd.readouterr()).encode()
    assert KEY.encode() not in written and b"rater 1" not in written


def test_without_the_key_stage_prepare_writes_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(InputError, match=VARIABLE):
        prepare("mine")
    assert not (project / "data").exists()


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"mne": VARIABLE}, "pseudonyms: unknown dataset 'mne'; did you mean 'mine'"),
        ({"mine": 7}, "pseudonyms.mine must name an environment variable, but is 7"),
        (["mine"], "pseudonyms must be a mapping of datasets to environment variables"),
    ],
)
def test_a_section_that_names_no_key_is_refused(project: Path, section: object, words: str) -> None:
    values = yaml.safe_load((project / "params.yaml").read_text())
    (project / "params.yaml").write_text(yaml.safe_dump({**values, "pseudonyms": section}))
    with pytest.raises(InputError, match=words):
        prepare("mine")
