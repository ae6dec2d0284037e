"""The command line: answers, exit codes, one line for each error."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from landscape import Network, ShallowReLURegressor, analyse, command, lipschitz_constant
from landscape.command import DONE, FAILED, UNDECIDED, VIOLATED, main
from landscape.networks import load_network

ROOT = Path(__file__).parents[1]


@pytest.fixture
def files(tmp_path, rng):
    x = rng.uniform(-1, 1, (30, 2))
    y = np.abs(x[:, 0]) + 0.1 * rng.standard_normal(30)
    frame = pd.DataFrame({"y": y, "one": x[:, 0], "two": x[:, 1]})
    frame.to_csv(tmp_path / "data.csv", index=False)
    frame.to_parquet(tmp_path / "data.parquet", index=False)
    parts = [rng.standard_normal(shape) for shape in ((3, 2), 3, 3)]
    Network(*parts, 0.1, source="test").save(tmp_path / "net.npz")
    (tmp_path / "odd.csv").write_bytes((tmp_path / "data.parquet").read_bytes())
    own = frame.rename(columns={"y": "größe"}).round(3).assign(art=["a", "b", "c"] * 10)
    own.loc[4, "two"] = np.nan
    own.to_csv(tmp_path / "own.csv", index=False, sep=";", decimal=",", encoding="cp1252")
    line = pd.DataFrame({"x": np.linspace(0, 1, 6), "y": np.linspace(0, 2, 6) ** 2})
    line.to_csv(tmp_path / "line.csv", index=False)
    return tmp_path


def run(*arguments):
    return main([*map(str, arguments)])


def test_analyse(files, capsys):
    arguments = files / "net.npz", files / "data.csv", "--target", "y", "--no-valleys"
    assert run("analyse", *arguments, "--html", files / "page.html") == DONE
    printed = capsys.readouterr()
    assert "Nearest minimum" in printed.out and "landscape: violated" in printed.err
    assert "<svg" in (files / "page.html").read_text()
    assert run("analyse", *arguments, "--json") == DONE
    found = json.loads(capsys.readouterr().out)
    frame = pd.read_csv(files / "data.csv")
    same = analyse(files / "net.npz", frame[["one", "two"]], frame["y"], valleys=False)
    assert found == json.loads(json.dumps(same.to_dict()))


def test_certify_other_losses_with_a_penalty(files, capsys):
    arguments = files / "net.npz", files / "data.csv", "--target", "y", "--json"
    form = "--loss", "huber", "--loss-option", "delta=0.5", "--weight-decay", "0.25"
    assert run("certify", *arguments, *form, "--decay-biases") == VIOLATED
    net, frame = load_network(files / "net.npz"), pd.read_csv(files / "data.csv")
    r = np.abs(net.predict(frame[["one", "two"]]) - frame["y"])
    huber = np.mean(np.where(r <= 0.5, r * r, r - 0.25))
    sizes = [net.weights, net.biases, net.output_weights, net.offset]
    penalty = 0.25 * sum(float(np.sum(np.square(part))) for part in sizes)
    assert json.loads(capsys.readouterr().out)["loss"] == pytest.approx(huber + penalty, rel=1e-12)
    assert run("certify", *arguments, "--loss", "huber", "--loss-option", "delta") == FAILED
    assert "--loss-option: expected NAME=NUMBER, got 'delta'" in capsys.readouterr().err
    assert run("certify", *arguments, "--loss", "hubber") == FAILED
    assert "loss: expected one of squared, huber" in capsys.readouterr().err


def test_certify_has_an_exit_code_for_each_verdict(files, capsys):
    arguments = files / "net.npz", files / "data.parquet", "--target", "y"
    assert run("certify", *arguments) == VIOLATED
    assert "violated" in capsys.readouterr().out
    frame = pd.read_csv(files / "data.csv")
    model = ShallowReLURegressor(2, space="unrestricted", n_starts=2, random_state=0)
    model.fit(frame[["one", "two"]].to_numpy(), frame["y"])
    minimum = analyse(model, frame[["one", "two"]], frame["y"], valleys=False).gap.network
    minimum.save(files / "minimum.npz")
    assert run("certify", files / "minimum.npz", *arguments[1:], "--json") == DONE
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "holds" and found["radius"] > 0
    assert run("certify", *arguments, "--features", "two,one", "--json") == VIOLATED
    swapped = json.loads(capsys.readouterr().out)["loss"]
    network = load_network(files / "net.npz")
    values = network.predict(frame[["two", "one"]].to_numpy())
    assert swapped == pytest.approx(np.mean((values - frame["y"]) ** 2))


def test_tables_as_people_have_them(files, capsys):
    """German CSV with a hole and a column of categories, against pandas' own reading."""
    reading = ("--delimiter", ";", "--decimal", ",", "--encoding", "cp1252")
    network = load_network(files / "net.npz")
    frame = pd.read_csv(files / "own.csv", sep=";", decimal=",", encoding="cp1252").dropna()
    assert len(frame) == 29

    def loss(name, *more):
        arguments = files / name, files / "own.csv", "--target", "größe", *reading, *more
        assert run("certify", *arguments, "--json") == VIOLATED
        printed = capsys.readouterr()
        return json.loads(printed.out)["loss"], printed.err

    found, said = loss("net.npz", "--features", "two,one", "--missing", "drop")
    errors = network.predict(frame[["two", "one"]].to_numpy()) - frame["größe"]
    assert found == pytest.approx(np.mean(errors**2), rel=1e-12)
    assert "1 of 30 rows lack a value and are left out: 6" in said
    rng = np.random.default_rng(1)
    wide = Network(*[rng.standard_normal(shape) for shape in ((3, 4), 3, 3)], 0.1)
    wide.save(files / "wide.npz")
    found, said = loss("wide.npz", "--encode", "onehot", "--missing", "drop")
    columns = [frame["one"], frame["two"], frame["art"] == "b", frame["art"] == "c"]
    errors = wide.predict(np.column_stack(columns).astype(float)) - frame["größe"]
    assert found == pytest.approx(np.mean(errors**2), rel=1e-12)
    assert "features: one, two, art=b, art=c" in said


def test_lipschitz_and_seminorm(files, capsys):
    assert run("lipschitz", files / "net.npz", "--norm", "inf", "--json") == DONE
    found = json.loads(capsys.readouterr().out)
    network = load_network(files / "net.npz")
    assert found["value"] == lipschitz_constant(network, norm=np.inf).value
    assert run("lipschitz", files / "net.npz", "--box", -1, 1) == DONE
    boxed = lipschitz_constant(network, domain=(-1, 1)).value
    assert f"value           {boxed}" in capsys.readouterr().out
    assert run("lipschitz", files / "net.npz", "--box", -1, 1, 0, 2) == DONE
    assert run("lipschitz", files / "net.npz", "--box", -1, 1, 0) == FAILED
    assert run("lipschitz", files / "net.npz", "--norm", 3) == FAILED
    assert "norm: expected 1, 2 or inf" in capsys.readouterr().err
    assert run("seminorm", files / "net.npz", "--certify", "--json") == DONE
    assert json.loads(capsys.readouterr().out)["proved"] is True
    rng = np.random.default_rng(0)
    parts = [rng.standard_normal(shape) for shape in ((60, 9), 60, 60)]
    Network(*parts, 0.0).save(files / "large.npz")
    assert run("lipschitz", files / "large.npz", "--time-limit", 0.01) == UNDECIDED


def test_tree(files, capsys):
    arguments = files / "line.csv", "--target", "y", "--neurons", 1
    assert run("tree", *arguments, "--json", "--plot", files / "tree.png") == DONE
    found = json.loads(capsys.readouterr().out)
    assert found["space"] == "unrestricted" and not found["valleys"][0]["spurious"]
    assert (files / "tree.png").stat().st_size > 1000
    assert run("tree", *arguments, "--space", "restricted") == DONE
    assert "barrier" in capsys.readouterr().out
    assert run("tree", files / "data.csv", "--target", "y", "--neurons", 9) == FAILED
    assert capsys.readouterr().err.splitlines()[-1].startswith("landscape tree: features:")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("certify", "none.npz", "data.csv", "--target", "y"), "none.npz: no such file"),
        (("certify", "net.npz", "none.csv", "--target", "y"), "none.csv: no such file"),
        (("certify", "net.npz", "data.csv", "--target", "z"), "has no column 'z'"),
        (("certify", "net.npz", "line.csv", "--target", "y"), "X: expected shape"),
        (("analyse", "net.npz", "line.csv", "--target", "y"), "X: expected 2 columns"),
        (("lipschitz", "data.csv"), "unknown format"),
        (("certify", "net.npz", "own.csv", "--target", "größe"), "set --encoding; with cp1252"),
        (
            ("tree", "own.csv", "--target", "größe", "--encoding", "cp1252", "--neurons", "1"),
            "set --delimiter to ';'",
        ),
        (
            ("certify", "net.npz", "data.parquet", "--target", "y", "--decimal", ","),
            "data.parquet: --decimal is of CSV files; leave it out",
        ),
        (("certify", "net.npz", "odd.csv", "--target", "y"), "let its name end with .parquet"),
    ],
)
def test_errors_are_one_line(files, capsys, monkeypatch, arguments, message):
    monkeypatch.chdir(files)
    assert run(*arguments) == FAILED
    printed = capsys.readouterr()
    (line,) = printed.err.splitlines()
    assert line.startswith(f"landscape {arguments[0]}: ") and message in line
    assert not printed.out and "in the config" not in line


def test_help_and_wrong_calls(capsys):
    with pytest.raises(SystemExit) as ended:
        run("--help")
    assert ended.value.code == 0
    page = capsys.readouterr().out
    for name in ("analyse", "certify", "tree", "seminorm", "lipschitz", "study", "doctor"):
        assert f"  {name}" in page
    assert "exit codes:" in page and "examples:" in page
    for wrong in ((), ("certify",), ("nothing",)):
        with pytest.raises(SystemExit) as ended:
            run(*wrong)
        assert ended.value.code == 2


def test_doctor(capsys):
    assert run("doctor", "--json") == DONE
    found = json.loads(capsys.readouterr().out)
    assert found["numpy"] == np.__version__ and found["workflow"] == str(ROOT / "workflow")


def test_as_a_module(files):
    line = [sys.executable, "-m", "landscape", "lipschitz", files / "net.npz"]
    done = subprocess.run(list(map(str, line)), capture_output=True, text=True)
    assert done.returncode == DONE and "exact           True" in done.stdout


def test_study_passes_the_options_of_snakemake_on(tmp_path, monkeypatch):
    lines = []
    monkeypatch.setattr(
        command.subprocess, "call", lambda line, env=None: lines.append(line) or DONE
    )
    config = tmp_path / "config.yaml"
    config.write_text("study: mine\n")
    assert run("study", config, "-n", "--until", "train") == DONE
    check, line = lines
    assert check[1].endswith("config_syntax.py") and line[-3:] == ["-n", "--until", "train"]
    assert line[line.index("--cores") + 1] == "all" and str(config) in line
    assert run("study", config, "--cores", 2, "--workflow-profile", "none") == DONE
    assert lines[-1].count("--cores") == lines[-1].count("--workflow-profile") == 1


@pytest.mark.slow
def test_a_wheel_has_the_workflow_inside(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
        (entries,) = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        assert "landscape = landscape.command:main" in archive.read(entries).decode()
    folder = tmp_path / "work"
    folder.mkdir()
    for name in ("config.yaml", "own.csv"):
        (folder / name).write_text((ROOT / "tests/config" / name).read_text())
    code = f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r})\n"
    code += "from landscape.command import main\n"
    code += "sys.exit(main(['study', 'config.yaml', '--cores', '1', '--dry-run']))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tmp_path / "site"), "HOME": str(tmp_path)},
    )
    assert done.returncode == DONE, done.stdout + done.stderr
    assert "rule tables:" in done.stdout + done.stderr or "tables" in done.stdout + done.stderr
