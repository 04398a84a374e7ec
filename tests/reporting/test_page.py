"""The page: everything of the results is on it, nothing of it leaves the page, the same input gives the same bytes."""

import html
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from prefactor.reporting import ReportContext, collect, write_report
from prefactor.reporting.context import DatasetFacts
from prefactor.reporting.estimates import TO, Estimate, scale_of
from prefactor.reporting.examples import Example
from prefactor.reporting.tables import Contender

Maker = Callable[..., pd.DataFrame]
VOID = {"meta", "link", "br", "hr", "img", "input"}


class Outline(HTMLParser):
    """What the tests ask of a page: its addresses, its elements, its text, and whether tags are balanced."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.elements: list[str] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "action")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open = self.open[:-1] if tag not in VOID else self.open

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    @property
    def words(self) -> str:
        """All text with plain, single spaces."""
        return " ".join(" ".join(self.text).split())


@pytest.fixture
def page(tmp_path: Path) -> Callable[..., str]:
    """Writes a report and returns its text."""

    def write(rows: pd.DataFrame, context: ReportContext | None = None) -> str:
        out = tmp_path / "reports" / "index.html"
        write_report(tmp_path, out, rows, context or ReportContext())
        return out.read_text(encoding="utf-8")

    return write


@pytest.fixture(scope="module")
def whole(results: Maker, finished_run: Path) -> Path:
    """The page of a whole run."""
    out = finished_run / "reports" / "index.html"
    (finished_run / "reports" / "results.csv").write_text("")
    write_report(finished_run, out, results(), collect(finished_run, "3f2c1ab", dirty=True))
    return out


def test_every_method_and_figure_of_the_results_is_on_the_page(results: Maker, whole: Path) -> None:
    rows = results()
    words = Outline(whole.read_text(encoding="utf-8")).words
    drawn_only = rows.metric.str.match("accuracy_(low|mid|high)_(?!vrf_sigma)")
    for row in rows[(rows.seed == "all") & ~drawn_only].itertuples():
        assert Contender(row.method, row.variant).label in words
        scale, estimate = scale_of(row.metric), Estimate(row.value, row.ci_low, row.ci_high)
        assert f"{scale.text(row.value)} {estimate.interval(scale)}" in words


def test_figures_print_the_intervals_of_the_table(results: Maker, whole: Path) -> None:
    rows = results()
    drawn = " ".join(re.findall(r"<svg.*?</svg>", whole.read_text(encoding="utf-8"), flags=re.DOTALL))
    forests = ["accuracy", "log_loss", "accuracy_minus_bt", "utility_correlation", "weight_cosine"]
    known = rows[(rows.seed == "all") & rows.shots.isna() & rows.split.isin(["seen", "unseen"])]
    thirds = known.metric.str.match("accuracy_(low|mid|high)_(?!vrf_sigma)") & (known.method == "vrf")
    known = known[known.metric.isin(forests) | thirds]
    for row in known.itertuples():
        interval = Estimate(row.value, row.ci_low, row.ci_high).interval(scale_of(row.metric), TO)
        assert f">{interval}</text>" in drawn


def test_curves_of_probabilities_are_drawn_for_every_method(whole: Path) -> None:
    text = whole.read_text(encoding="utf-8")
    figures = re.findall(r"<figcaption>([^<]+)</figcaption>(<svg.*?</svg>)", text, flags=re.DOTALL)
    titles = ["Unseen users, with the reward", "Unseen users, plain"]
    titles += ["Least confident pairs", "Least confident users", "Most uncertain users", "Users of most expected error"]
    for title in titles:
        (drawn,) = [svg for caption, svg in figures if caption.startswith(title)]
        assert all(f">{name}</text>" in drawn for name in ("VRF default", "LoRe faithful", "BT default"))


def test_parameters_are_given_by_number_of_users(whole: Path) -> None:
    words = Outline(whole.read_text(encoding="utf-8")).words
    for what, numbers in (
        ("Trained, in all steps together", "71,234 871,234"),
        ("Kept in the saved model", "70,123 70,123"),
    ):
        assert f"{what} Seen users 10 100,000" in words and numbers in words


def test_an_oracle_of_ratings_is_said_to_count_ratings(results: Maker, page: Callable[..., str]) -> None:
    rows = results()
    assert "number of true ratings" not in Outline(page(rows)).words
    rows.loc[rows["variant"] == "true scores", "variant"] = "true ratings"
    assert "For the oracle |C| is the number of true ratings" in Outline(page(rows)).words


def test_page_is_whole_and_asks_nothing_of_the_network(whole: Path) -> None:
    text = whole.read_text(encoding="utf-8")
    outline = Outline(text)
    assert outline.open == []
    for address in outline.addresses:
        assert address.startswith(("#", "data:")) or not re.match(r"[a-z]+:|//", address), address
    assert not re.findall(r"url\((?!#)|@import|<iframe|<img|<link[^>]+stylesheet", text)
    assert outline.elements.count("script") == 1 and "fetch" not in text


def test_links_lead_to_files_that_exist(whole: Path) -> None:
    links = [address for address in Outline(whole.read_text()).addresses if not address.startswith(("#", "data:"))]
    assert len(links) == 3
    assert all((whole.parent / link).is_file() for link in links)


def test_same_input_gives_the_same_bytes(results: Maker, finished_run: Path, whole: Path) -> None:
    again = whole.with_name("again.html")
    write_report(finished_run, again, results(), collect(finished_run, "3f2c1ab", dirty=True))
    assert again.read_bytes() == whole.read_bytes()


def test_figures_share_no_ids(whole: Path) -> None:
    ids = re.findall(r' id="([^"]+)"', whole.read_text())
    assert len(ids) == len(set(ids)) > 10


def test_data_is_escaped_everywhere(results: Maker, page: Callable[..., str]) -> None:
    attack = '<script>alert("&1")</script>$\\frac{'
    rows = results(methods=("bt", "vrf"))
    text = {column: rows[column] + attack for column in ("dataset", "protocol", "backbone", "method", "variant")}
    hostile = rows.assign(**text, setting=attack, run=attack)
    facts = DatasetFacts(
        source={"name": attack, "dropped": {attack: 1}},
        examples=(Example(attack, attack, attack),),
        embeddings={rows.backbone[0] + attack: {attack: attack}},
        counts={attack: 3},
    )
    context = ReportContext(datasets={rows.dataset[0] + attack: facts}, parameters={attack: attack}, commit=attack)
    written = page(hostile, context)
    assert attack not in written
    assert html.escape(attack, quote=False).split("(")[0] in written
    outline = Outline(written)
    assert outline.elements.count("script") == 1 and outline.open == []


@pytest.mark.parametrize(
    "keep",
    [
        lambda rows: rows.iloc[:0],
        lambda rows: rows[rows.metric == "log_loss"],
        lambda rows: rows[rows.seed == "1"],
        lambda rows: rows[rows.shots.notna()],
        lambda rows: rows[rows.shots.isna()],
        lambda rows: rows[rows.method == "oracle"],
        lambda rows: rows[rows.method == "bt"],
        lambda rows: rows[rows.method != "bt"],
        lambda rows: rows[rows.split == "seen"],
        lambda rows: rows.assign(setting="flip_rate=0.2"),
        lambda rows: rows.assign(ci_low=float("nan"), ci_high=float("nan")),
        lambda rows: rows.assign(value=float("nan"), ci_low=float("nan"), ci_high=float("nan")),
        lambda rows: rows.assign(n_users=pd.NA, n_pairs=pd.NA, run=None),
        lambda rows: rows.assign(shots=rows.shots.replace(1, 0)),
    ],
)
def test_any_part_of_the_results_makes_a_page(
    keep: Callable[[pd.DataFrame], pd.DataFrame], results: Maker, page: Callable[..., str]
) -> None:
    rows = keep(results(methods=("bt", "vrf")))
    outline = Outline(page(rows))
    assert outline.open == []
    for method, variant in set(zip(rows.method, rows.variant, strict=True)):
        assert Contender(method, variant).label in outline.words
    assert not re.search(r"\bnan\b", outline.words, flags=re.IGNORECASE)


def test_several_datasets_have_sections_that_the_navigation_reaches(results: Maker, page: Callable[..., str]) -> None:
    runs = [("stylebench", "minilm", "global"), ("prism", "minilm", "within-user"), ("prism", "qwen", "pairs")]
    text = page(pd.concat([results(*run).query("metric == 'log_loss'") for run in runs]))
    anchors = re.findall(r'<a href="#([^"]+)"', text)
    assert len(anchors) == 3
    assert all(f'<article id="{anchor}">' in text for anchor in anchors)


def test_both_halves_stand_beside_each_and_speak_first(results: Maker, page: Callable[..., str]) -> None:
    """A half's own sentences say less than those of all its people, which its section begins with."""
    halves = [results(name, protocol="within-user") for name in ("prism", "prism-swapped")]
    both = results("prism + prism-swapped", protocol="within-user").query("split != 'overall'")
    text = page(pd.concat([*halves, both.assign(n_users=2000)]))
    articles = {re.findall(r'id="([^"]+)"', part)[0]: part for part in text.split("<article ")[1:]}
    whole = articles.pop("prism---prism-swapped-minilm-within-user")
    assert "2,000 users each unseen once" in whole and "Overall is" not in whole
    for name in ("Unseen, first half", "Unseen, second half", "Unseen, both", "Seen, both"):
        assert f">{name}</th>" in whole
    for part in articles.values():
        assert 'href="#prism---prism-swapped-minilm-within-user"' in part
        pooled, own = part.index("On unseen users of both halves, "), part.index("On unseen users, ")
        assert pooled < own and "On both halves of prism, " in part


def test_context_reaches_the_page(whole: Path) -> None:
    words = Outline(whole.read_text()).words
    for said in (
        "7 duplicate pair",
        "How do I keep plant number",
        "45.0 in all, split afresh",
        "no evaluation prompt occurs anywhere in training",
        "The tables passed all 9 checks",
        "No other method's paired interval lies above VRF on unseen users.",
        "On unseen users at |C| = 9, LoRe \N{MIDDLE DOT} default (+0.8 points,",
        "VRF's paired interval lies above BT on unseen users at |C| = 9 and all; by these intervals VRF is below BT "
        "nowhere.",
        "each known by all their reference pairs, be these equally many or not; by number of known pairs, further down",
        "What the candidates are meant for: lack of data (σ as published);",
        "Was the taste itself recovered?",
        "Cosine with true w Method Seen Unseen |C| = 9",
        "Is VRF ahead where it is least sure?",
        "Of 6 thirds, three each with |C| = 9, all reference pairs, there is none on which another method's",
        "There is a personal signal: of 199 deals of the same pairs to users at random, none reaches the observed gain",
        "gains +0.1414 nats and +15.9 points a pair",
        "with reliability 0.55; 43 pairs for 0.5, 180 pairs for 0.8",
        "In 56.1 % of the pairs the longer response was chosen",
        "3f2c1ab , with uncommitted changes",
        "training.learning_rate 0.001",
        "71,234",
        "truncated 2",
    ):
        assert said in words, said


def test_the_page_says_what_users_share(results: Maker, page: Callable[..., str]) -> None:
    rows = results()
    ends = {"low_items": rows.value - 0.0512, "high_items": rows.value + 0.0512}
    words = Outline(page(rows.assign(**ends, resampled="users; users and items"))).words
    assert "over users and the items that they share" in words and f"71.3 {TO} 81.5" in words
    assert "that they share" not in Outline(page(rows)).words


def test_the_footer_describes_the_intervals_that_are_on_the_page(results: Maker, page: Callable[..., str]) -> None:
    rows = results()
    ends = {"low_items": rows.value - 0.05, "high_items": rows.value + 0.05}
    both = [
        results("jokes", "minilm", "pairs").assign(**ends, resampled="users; users and items"),
        rows.assign(**ends, resampled="users; users and prompts"),
        results("prism", "minilm", "pairs"),
    ]
    alone, second = Outline(page(rows)).words, Outline(page(pd.concat(both))).words
    for words in (alone, second):
        assert "users of a split are resampled with replacement" in words
        assert "No interval covers another backbone or other training seeds" in words
    assert "does not cover another draw of what they were asked about" in alone and "closed form" not in alone
    assert "does not cover another draw" not in second
    assert "The interval over users and items or prompts, where a figure has one" in second
    assert "The standard error has a closed form" in second
