"""The report: what the page holds, and that a real browser shows it, without any request."""

import itertools
import json
import re
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
from plotly.offline import get_plotlyjs

from landscape.atlas import make_atlas
from landscape.data import Dataset
from landscape.plots import render
from landscape.report import FIGURE_TITLES, printed_summary, report_page
from landscape.report.contents import (
    atlas_findings,
    data_rows,
    lines_for_terminal,
    question,
    totals,
    verdict_of_study,
)
from landscape.report.html import LARGEST
from landscape.report.printed import SHOWN
from landscape.report.words import Glossary, typeset
from landscape.rows import frame_of
from landscape.rows.store import csv_text
from landscape.spaces import make_space
from landscape.study.coverage import valley_rows
from landscape.tables import FIGURES, TABLES, read_table
from landscape.tables.findings import ALARM, TOPICS
from landscape.tables.sums import sum_up
from tests.browser import MISSING, browser
from tests.made_up import drawn_tables, rows

ROOT = Path(__file__).parents[1]
NASTY = '</script><b>&"quoted", and\nbroken $lead'


def complete(drawn):
    """All tables of a report, from those that figures are drawn from."""
    tables = {name: frame_of(table, []) for name, table in TABLES.items()} | drawn
    for column in ("verdict", "training_outcome"):
        word = "holds" if column == "verdict" else "converged"
        tables["fits"] = tables["fits"].assign(**{column: word})
    tables["pairs"] = tables["pairs"].assign(verdict="holds", within=1)
    tables["controls"] = tables["controls"].assign(reason=NASTY)
    about = {"kind": "csv", "standardize": "none", "n_samples": 1234, "n_features": 2,
             "options": {"target": "a & b"}}  # fmt: skip
    facts = [("config", "seed", "1"), ("config", "sha256", "0" * 64), ("seed", "study", "1"),
             ("package", "landscape-relu", "0.1"),
             ("data", "one", json.dumps(about))]  # fmt: skip
    tables["provenance"] = rows(
        "provenance", [dict(zip(("topic", "item", "value"), fact, strict=True)) for fact in facts]
    )
    return tables | sum_up(tables)


@pytest.fixture(scope="module")
def tables():
    return complete(drawn_tables())


@pytest.fixture(scope="module")
def svg(tables):
    """One drawing for all: what each one shows is what tests/test_plots.py looks at."""
    return dict.fromkeys(FIGURES, render(FIGURES["natural"].draw(tables), "svg"))


CAPTIONS = {name: f"What? What {name} shows, for x < 1 & y." for name in FIGURE_TITLES}


def plain(text):
    """A page's text without markup, or a text without the marks that become markup."""
    text = unescape(re.sub(r"<[^>]+>|[_^{}]", "", text))
    return text.replace("W1,inf", "W1,∞")


@pytest.fixture(scope="module")
def page(tables, svg):
    return report_page(tables, svg, CAPTIONS, study="made-up")


def embedded(page, name):
    """The text of one of the page's JSON elements."""
    return json.loads(re.search(rf'id="{name}">(.*?)</script>', page, re.S)[1])


class TestPage:
    def test_every_figure_with_its_caption_and_every_sentence(self, page, tables):
        words = plain(page.split('<script type="application/json"')[0])
        for name in FIGURES:
            assert f'id="figure-{name}"' in page
            assert f"What? What {name} shows, for x < 1 & y." in words
        for text in tables["findings"]["finding"]:
            assert plain(text) in words

    def test_tables_are_the_files_of_the_study_byte_for_byte(self, page, tables):
        for name in TABLES:
            assert embedded(page, f"csv-{name}") == csv_text(tables[name])
        # What a table holds cannot end its element, or be taken for the page's own text.
        assert "</script><b>" not in page

    def test_nothing_is_fetched(self, page):
        own = re.sub(r'src="data:[^"]*"|<a href="https://arxiv[^>]*>', "", page)
        own = re.sub(r'<script type="application/json".*?</script>', "", own, flags=re.S)
        assert "://" not in own and 'src="' not in own
        assert "default-src 'none'" in own

    def test_same_study_same_bytes(self, page, tables, svg):
        assert report_page(tables, svg, CAPTIONS, study="made-up") == page

    def test_data_sets_are_described_by_what_is_known_of_them(self, page):
        assert "Kind csv, 1,234 samples of 2 features; target &#39;a &amp; b&#39;. " in page
        assert "The provenance table does not describe this data set." in page

    def test_every_placeholder_is_filled(self, page):
        own = re.sub(r'<script type="application/json".*?</script>', "", page, flags=re.S)
        assert "{{" not in own and "{%" not in own

    def test_every_link_has_its_place(self, page):
        own = page.split('<script type="application/json"')[0]
        places = set(re.findall(r'\bid="([^"]+)"', own))
        links = set(re.findall(r'href="#([^"]+)"', own))
        assert len([link for link in links if link.startswith("term-")]) > 20
        assert not [link for link in links - places if not link.startswith("rows/")]

    def test_screen_readers_and_keyboards_find_their_way(self, page):
        """Names for what has none of its own; axe-core looks at more, but comes with no package."""
        own = page.split('<script type="application/json"')[0]
        heads = re.findall(r"<th\b([^>]*)>(.*?)</th>", own)
        assert all("scope=" in how and text for how, text in heads)
        assert all(
            re.search(r'alt="[^"]{20,}"', image) for image in re.findall(r"<img [^>]*>", own)
        )
        scrolled = re.findall(r'<div class="scroll"[^>]*>', own)
        assert scrolled and all('tabindex="0" role="region" aria-label=' in d for d in scrolled)
        ids = re.findall(r'\bid="([^"]+)"', own)
        assert len(ids) == len(set(ids))
        assert own.index('class="skip"') < own.index("<nav") and 'lang="en"' in own
        levels = [int(level) for level in re.findall(r"<h(\d)", own)]
        assert levels[0] == 1 and all(b - a <= 1 for a, b in itertools.pairwise(levels))

    def test_the_page_says_what_it_is_about_in_three_sentences(self, page):
        lead = plain(re.search(r'<p class="lead">(.*?)</p>', page, re.S)[1])
        assert len(re.findall(r"\.(?=\s|$)", lead)) == 3 and "on 2 data sets" in lead

    def test_fits_stand_beside_mean_and_linear_fit(self, page):
        fits = re.search(r'<table class="fits">(.*?)</table>', page, re.S)[1]
        rows = re.findall(r"<tr>(.*?)</tr>", fits, re.S)[1:]
        cells = [plain(row.replace("</t", " </t")).split() for row in rows]
        assert cells == [["mean", "2", "0.0000"], ["linear", "fit", "2", "0.0000"],
                         ["N*", "1", "2", "0.7500"]]  # fmt: skip

    def test_networks_of_data_sets_have_a_section(self, page, tables):
        section = page.split('<section id="brought">')[1].split("</section>")[0]
        rows = re.findall(r"<tr>(.*?)</tr>", section)[1:]
        cells = [[plain(c) for c in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)] for row in rows]
        assert [cell[:5] for cell in cells[:3]] == [
            ["undecided.npz", "one", "3", "0.01", "undecided"],
            ["violated.npz", "one", "2", "0.1", "violated"],
            ["holds.npz", "one", "1", "1", "holds"],
        ]
        assert [cell[-1] for cell in cells[:3]] == ["at least 2.5", "2.5", "2.5"]
        text = plain(section)
        assert "Of 6 networks that the data sets bring, 2 are certified local minima" in text
        assert "2 no local minimum and 2 undecided. 2 differ from a certified minimum" in text

    def test_claims_and_documentation_stand_there_where_they_are(self, page, tables, svg):
        """Without them neither link nor section; with them every link leads to a page of docs."""
        assert 'href="docs/' not in page and 'id="claims"' not in page
        claims = pd.read_csv(ROOT / "docs/claims/claims.csv", keep_default_na=False)
        more = {"claims": claims, "docs": True}
        whole = report_page(tables, svg, CAPTIONS, study="made-up", **more)
        section = whole.split('<section id="claims">')[1].split("</section>")[0]
        assert section.count("<details>") == len(claims)
        shown = re.sub("[()]", "", plain(section))
        for row in claims.itertuples():
            assert re.sub("[()]", "", plain(row.measured)) in shown and row.command in shown
        links = re.findall(r'href="docs/([^"#]+)\.html(?:#([^"]+))?"', whole)
        assert len(links) > 15
        for name, place in links:
            text = (ROOT / f"docs/{name}.md").read_text(encoding="utf-8")
            heads = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
            anchors = [re.sub(r"[^a-z0-9 -]", "", head.lower()).replace(" ", "-") for head in heads]
            assert not place or place in anchors, (name, place)

    def test_what_is_too_large_is_named(self, tables, svg, monkeypatch):
        monkeypatch.setattr("landscape.report.html.LARGEST", 40)
        page = report_page(tables, svg, CAPTIONS, study="made-up")
        assert "<code>weights</code>, <code>fits</code>" in page and 'id="csv-fits"' not in page
        assert 'id="csv-summary"' in page

    def test_data_section(self):
        known = pd.DataFrame(
            {"dataset": ["a & b"], "file": ["loss.csv"], "rows": [1234], "notes": [""]}
        )
        rows = data_rows({"datasets": known})
        assert rows == [("property", "a & b"), ("file", "loss.csv"), ("rows", "1,234")]

    def test_study_without_rows(self):
        empty = {name: frame_of(table, []) for name, table in TABLES.items()}
        page = report_page(empty, {}, {}, study="nothing")
        assert "there is nothing to report" in page and "agree." not in page
        assert printed_summary(empty, {}, {}, study="nothing").startswith(b"%PDF")


class TestWords:
    def test_a_term_is_linked_where_it_first_stands_in_a_part(self):
        words = Glossary()
        one = words("Balls of N*: a ball, and rigid balls of N*.", "one")
        assert [*re.findall(r"#term-(\w+)", one)] == ["ball", "restricted", "rigid"]
        assert "#term-ball" not in words("balls", "one")
        assert "#term-ball" in words("balls", "two")
        assert "#term-ball" not in words("ball", "term-ball")
        assert "#term" not in words("football, misball_s, xN*", "three")

    def test_markup_in_words_stays_text(self):
        assert "<b>" not in Glossary()(NASTY, "p") + typeset(NASTY)

    def test_mathematics(self):
        assert typeset("W^{1,inf}") == typeset("W^{1,∞}") == "<i>W</i><sup>1,∞</sup>"
        assert typeset("c_i, radius_low, a_ij") == "<i>c</i><sub>i</sub>, radius_low, a_ij"
        assert typeset("N' (m = 2)") == "<i>N</i>&#x27; (<i>m</i> = 2)"

    def test_every_caption_begins_with_the_question_that_its_figure_answers(self):
        for name in FIGURE_TITLES:
            caption = (ROOT / f"workflow/report/{name}.rst").read_text(encoding="utf-8")
            asked, rest = question(caption)
            assert asked and len(asked) < 100 and rest, name
        assert question("Nothing is asked.") == ("", "Nothing is asked.")

    def test_statements_say_where_they_are_proved(self):
        pages = (ROOT / "docs/mathematics.md").read_text(encoding="utf-8")
        terms = Glossary().terms.values()
        for number in re.findall(r"Theorem (\d+)", " ".join(t["name"] for t in terms)):
            assert f"## Theorem {number}:" in pages
        assert {t["proof"].split(";")[0].split(",")[0] for t in terms if "proof" in t} == {
            "paper", "docs/mathematics.md"
        }  # fmt: skip


class TestTotals:
    def test_a_glance_and_findings_count_the_same_controls(self, tables):
        steps = tables["controls"]
        steps = steps.assign(verdict=np.where(steps["kind"] == "C.2", "holds", steps["verdict"]))
        own = complete({**tables, "controls": steps})
        found = own["findings"].set_index(["dataset", "topic"]).loc[("one", "controls"), "finding"]
        assert found.startswith("3 controls") and "At 1 no network of any width is better" in found
        text = totals({**own, "controls": steps})
        assert (
            "Of 3 controls outside N*, where the implication has to fail, it fails at 2; at 1 "
            in text
        )
        line = lines_for_terminal({**own, "controls": steps})[1]
        assert line.endswith("fails at 2 of 3 controls, and at 1 nothing better exists.")

    def test_at_most_four_lines(self, tables):
        lines = lines_for_terminal(tables)
        assert lines[3] == "R² of the best certified minimum (of a linear fit): one 0.75 (0)."
        many = pd.concat(tables["accuracy"].assign(dataset=f"d{k}") for k in range(9))
        lines = lines_for_terminal({**tables, "accuracy": many})
        assert len(lines) == 4 and lines[3].endswith("and 3 more.")
        empty = {name: frame_of(table, []) for name, table in TABLES.items()}
        assert lines_for_terminal(empty)[0].startswith("no start: 0 ended")


class TestVerdictOfStudy:
    @staticmethod
    def say(*statuses):
        data = [(f"d{k}", "lifts", status) for k, status in enumerate(statuses)]
        return verdict_of_study(pd.DataFrame(data, columns=["dataset", "topic", "status"]))

    def test_each_status_is_counted(self):
        text = self.say("agrees", "agrees", "contradicts", "undecided", "not tested")
        assert text == (
            "5 comparisons with a proven statement: 2 agree, 1 contradicts it, "
            "1 is undecided in part, 1 was not tested."
        )

    def test_nothing_agrees_where_nothing_was_tested(self):
        assert "agree" not in self.say("not tested", "not tested")
        assert self.say() == "No proven statement was compared with anything."


class TestAtlas:
    ATLAS = rows("atlas", [{"problem": "p", "number": k, "loss": k + 1.0, "is_global": int(k == 0)}
                           for k in range(3)])  # fmt: skip

    def found(self, *numbers):
        starts = [
            {"problem": "p", "solver": "trf", "start": k, "number": n, "is_global": int(n == 0)}
            for k, n in enumerate(numbers)
        ]
        return atlas_findings({"atlas": self.ATLAS, "coverage": rows("coverage", starts)})["p"]

    def test_counts(self):
        found = self.found(0, 0, 2)
        assert found.status == "agrees"
        assert "3 connected sets of local minima, 1 of them global" in found.text
        assert "trf 2, with 2 of 3 starts at a global one" in found.text

    def test_valleys(self):
        every = [("restricted", 0, 0, 0), ("restricted", 1, 1, 0), ("balanced", 0, 0, -1)]
        valleys = [
            {"problem": "p", "space": space, "valley": k, "spurious": spurious, "balanced": home}
            for space, k, spurious, home in every
        ]
        ends = [
            {"problem": "p", "space": "restricted", "solver": solver, "valley": k, "spurious": k,
             "starts": starts} for solver, k, starts in (("trf", 0, 5), ("trf", 1, 3), ("a", 0, 4))
        ]  # fmt: skip
        tables = {"atlas": self.ATLAS, "coverage": rows("coverage", [])}
        tables |= {"valleys": rows("valleys", valleys), "barriers": rows("barriers", ends)}
        text = atlas_findings(tables)["p"].text
        assert "In N' the loss has 1 valley, 0 spurious (not the lowest)." in text
        assert "2 valleys, 1 spurious (not the lowest); of the starts" in text
        assert "in those end: a 0%, trf 38%." in text
        assert "from 1 of its 1 spurious valley a global minimum of N' is reached" in text

    def test_a_minimum_that_the_atlas_lacks(self):
        found = self.found(0, -2, -1)
        assert found.status == "contradicts" and ALARM in found.finding
        assert "1 certified end of them the atlas lacks" in found.text
        assert "1 end of them certified no minimum" in found.text

    def test_no_starts(self):
        assert self.found().status == "not tested"
        assert atlas_findings({}) == {}


@pytest.fixture(scope="module")
def small():
    """A small problem with a name that has to be escaped, its valleys, and one of two inputs."""
    valleys, data = [], {}
    for name, p in ((NASTY, 1), ("two", 2)):
        rng = np.random.default_rng(p)
        x = rng.uniform(-1, 1, (5, p))
        data[name] = Dataset(name, x, np.sin(5 * x.sum(axis=1)))
        space = make_space("restricted", p, 1, margin=1e-3)
        atlas = make_atlas(x, data[name].target, space=space)
        valleys += valley_rows(name, atlas, {})[0]
    return valleys, data


@pytest.fixture(scope="module")
def with_trees(tables, svg, small):
    return report_page(tables, svg, CAPTIONS, study="s", valleys=small[0], data=small[1])


class TestTrees:
    def test_the_library_is_there_once_and_only_with_a_tree(self, page, with_trees):
        assert 'id="trees"' not in page and len(page) < 2_000_000
        assert with_trees.count(get_plotlyjs()) == 1
        assert "</script><b>" not in with_trees

    def test_every_valley_with_its_network_fit_saddle_and_path(self, with_trees, small):
        valleys, _ = small
        trees = embedded(with_trees, "tree-data")
        assert len(trees) == 6 and trees[0]["title"].startswith(NASTY)
        assert sum(len(tree["valleys"]) for tree in trees) == len(valleys)
        for tree in trees:
            for valley in tree["valleys"]:
                assert ("saddle" in valley) == (valley["parent"] >= 0)
                if valley["parent"] >= 0:
                    assert max(valley["saddle"]["path"][1]) == pytest.approx(valley["top"], 1e-4)
                if not tree["line"]:
                    target, values = map(np.array, valley["leaf"]["fit"])
                    assert np.mean((values - target) ** 2) == pytest.approx(
                        valley["loss"], abs=1e-4
                    )


class TestPrinted:
    def test_two_pages_and_the_same_bytes(self, tables):
        png = {name: render(FIGURES[name].draw(tables), "png") for name in SHOWN}
        one, two = (printed_summary(tables, png, CAPTIONS, study="s") for _ in range(2))
        assert one == two and one.startswith(b"%PDF") and b"CreationDate" not in one
        assert len(re.findall(rb"/Type /Page\b", one)) == 2

    def test_many_data_sets_go_on(self, tables):
        many = {
            name: pd.concat(
                [frame.assign(dataset=f"{d}-{k}") for k in range(5)
                 for d, frame in tables[name].groupby("dataset")]
            )
            for name in ("findings", "summary")
        }  # fmt: skip
        pdf = printed_summary({**tables, **many}, {}, {}, study="s")
        assert len(re.findall(rb"/Type /Page\b", pdf)) > 1


# --- in a browser --------------------------------------------------------------------------------


def select(frame, search):
    """The rows that a finding's search finds, by pandas."""
    for term in search.split():
        column, value = term.split("=")
        frame = frame[frame[column].astype(str) == value]
    return frame


@pytest.fixture(scope="module", params=["made-up", "study"])
def shown(request, tmp_path_factory):
    """A window with the page, and the page's tables; `study`: the newest one in results."""
    if MISSING:
        pytest.skip(f"{MISSING} not installed (Debian: apt-get install chromium chromium-driver)")
    if request.param == "made-up":
        tables = request.getfixturevalue("tables")
        path = tmp_path_factory.mktemp("report") / "report.html"
        path.write_text(request.getfixturevalue("page"), encoding="utf-8")
    else:
        reports = sorted(ROOT.glob("results/*/report.html"), key=lambda p: p.stat().st_mtime)
        if not reports:
            pytest.skip("there is no results/*/report.html: make report")
        path = reports[-1]
        files = {name: path.parent / f"tables/{name}.csv" for name in TABLES}
        tables = {name: read_table(name, file) for name, file in files.items() if file.exists()}
        tables = {name: t for name, t in tables.items() if name != "weights" and len(t) <= LARGEST}
    with browser(tmp_path_factory.mktemp("profile")) as window:
        window.open(path.as_uri())
        yield window, tables


@pytest.mark.slow
class TestInABrowser:
    def test_the_script_ran_and_every_figure_is_drawn(self, shown):
        window, _ = shown
        assert window.run("return document.documentElement.dataset.ready") == "yes"
        sizes = window.run(
            "return [...document.images].map(i => [i.id, i.complete, i.naturalWidth,"
            " i.naturalHeight, i.getBoundingClientRect().width])"
        )
        names = {name.removeprefix("figure-") for name, *_ in sizes}
        assert set(FIGURES) <= names <= set(FIGURE_TITLES)
        for name, loaded, *size in sizes:
            assert loaded and min(size) > 100, name

    def test_every_table_is_there_with_its_rows(self, shown):
        window, tables = shown
        window.type("#search", "")
        for name, frame in tables.items():
            window.click(f'#tabs button[data-table="{name}"]')
            assert self.count(window) == f"{len(frame)} of {len(frame)} rows"
            drawn = window.run("return document.querySelectorAll('#rows tbody tr').length")
            assert drawn == min(len(frame), 100)
            heads = window.run(
                "return [...document.querySelectorAll('#rows thead button')]"
                ".map(b => b.textContent)"
            )
            assert heads == list(frame.columns)
            assert window.run("return csvOf(arguments[0])", name) == csv_text(frame)

    @staticmethod
    def count(window):
        return window.run("return document.querySelector('#count').textContent")

    @pytest.mark.parametrize(
        ("search", "rows"),
        [
            ("verdict=holds", lambda f: f["verdict"] == "holds"),
            ("VERDICT:hold neurons>1", lambda f: f["verdict"].str.contains("hold", case=False)
             & (f["neurons"] > 1)),
            ("verdict!=holds gap>=0.002", lambda f: (f["verdict"] != "holds")
             & (f["gap"] >= 0.002)),
            ('regime="rigid"', lambda f: f["regime"] == "rigid"),
            ("radius<=0.1", lambda f: f["radius"] <= 0.1),
            ("violated", lambda f: f["verdict"] == "violated"),
            ("no-such-word", lambda f: f["verdict"] == "no-such-word"),
        ],
    )  # fmt: skip
    def test_search_filters_rows(self, shown, search, rows):
        window, tables = shown
        frame = tables["probes"]
        window.click('#tabs button[data-table="probes"]')
        window.type("#search", search.replace("VERDICT", "verdict"))
        expected = int(rows(frame).sum())
        assert self.count(window) == f"{expected} of {len(frame)} rows"
        # The other tabs say how many of their rows the search finds.
        tab = window.run("return document.querySelector('[data-table=probes] span').textContent")
        assert tab == f"{expected} / {len(frame)}"

    def test_a_column_sorts_up_down_and_not_at_all(self, shown):
        window, tables = shown
        window.type("#search", "")
        window.click('#tabs button[data-table="minima"]')
        values = tables["minima"]["rigidity_radius"]
        place = list(tables["minima"].columns).index("rigidity_radius") + 1
        click = f"#rows thead th:nth-child({place}) button"
        ordered = values.sort_values(kind="stable").tolist()
        for expected in (ordered, sorted(ordered, reverse=True), values.tolist()):
            window.click(click)
            cells = window.run(
                "return [...document.querySelectorAll('#rows tbody td:nth-child(' + arguments[0]"
                " + ')')].map(c => c.title)", place,
            )  # fmt: skip
            assert [float(cell) for cell in cells] == expected[:100]

    def test_findings_open_their_rows(self, shown):
        window, tables = shown
        links = window.run(
            "return [...document.querySelectorAll('#findings a[href^=\"#rows/\"]')]"
            ".map(a => a.getAttribute('href'))"
        )
        assert len(links) >= len(tables["findings"]) >= len(TOPICS)
        for href in dict.fromkeys(links):
            window.run("location.hash = arguments[0]; follow()", href)
            name, search = href.removeprefix("#rows/").split("/")
            found = select(tables[name], unquote(search))
            assert self.count(window) == f"{len(found)} of {len(tables[name])} rows"

    def test_a_narrow_window_needs_no_scrolling_sideways(self, shown):
        window, _ = shown
        window.size(500, 900)
        room = "return document.scrollingElement.scrollWidth - document.documentElement.clientWidth"
        assert window.run(room) <= 0
        window.size(1400, 1000)

    def test_no_error_and_no_request(self, shown):
        window, _ = shown
        assert window.log("browser") == []
        asked = window.requests()
        assert any(url.startswith("file:") for url in asked)
        # chrome and chrome-untrusted are the browser's own parts.
        assert all(url.startswith(("file:", "data:", "chrome")) for url in asked)
        # The log that says so is one that would show a request.
        window.run("fetch('http://127.0.0.1:9/').catch(() => {})")
        assert window.log("browser") != []


@pytest.mark.slow
def test_leaves_and_branches_can_be_clicked(with_trees, small, tmp_path):
    if MISSING:
        pytest.skip(f"{MISSING} not installed (Debian: apt-get install chromium chromium-driver)")
    path = tmp_path / "report.html"
    path.write_text(with_trees, encoding="utf-8")
    with browser(tmp_path / "profile") as window:
        window.open(path.as_uri())
        window.run("document.querySelector('#trees').scrollIntoView()")
        about = "return document.querySelector('#tree-about').textContent"
        place = (
            "const plot = document.querySelector('#tree-plot'), box = plot.getBoundingClientRect(),"
            " {xaxis: x, yaxis: y} = plot._fullLayout; return [box.left + x._offset +"
            " x.l2p(arguments[0]), box.top + y._offset + y.l2p(arguments[1])]"
        )

        def click(*point):
            """A click at a place of the plot; it takes the mouse for there after a frame or two."""
            x, y = window.run(place, *point)
            window.click_at(x, y)
            window.click_at(x, y)
            return window.run(about)

        for number, tree in enumerate(embedded(with_trees, "tree-data")):
            window.run(
                "const s = document.querySelector('#tree-choice'); s.value = arguments[0];"
                " s.dispatchEvent(new Event('change'))", str(number),
            )  # fmt: skip
            choose = (
                "const s = document.querySelector('#tree-part'); s.value = arguments[0];"
                " s.dispatchEvent(new Event('change', {bubbles: true}));" + about
            )
            for k, valley in enumerate(tree["valleys"]):
                assert window.run(choose, str(k)).startswith(f"Valley {k}")
                if valley["parent"] >= 0:
                    assert window.run(choose, f"{k} saddle").startswith("Saddle")
                assert click(valley["place"], valley["loss"]).startswith(f"Valley {k}")
                rows = window.run("return document.querySelectorAll('#tree-neurons tr').length")
                assert rows == 1 + len(valley["leaf"]["neurons"])
                if valley["top"] - valley["loss"] > 0.1:
                    middle = (valley["loss"] + valley["top"]) / 2
                    merging = valley["parent"] >= 0
                    said = "Saddle" if merging else f"Valley {k}"
                    assert click(valley["place"], middle).startswith(said)
                    drawn = "return document.querySelector('#tree-path').hidden"
                    assert window.run(drawn) == (not merging)
        (tmp_path / "trees.png").write_bytes(window.screenshot())
        assert window.log("browser") == []
        own = ("file:", "data:", "chrome:", "chrome-untrusted:")  # its new tab's
        assert [url for url in window.requests() if not url.startswith(own)] == []
