"""Everything that is asked of a data set's minima, but their radii; three files for each m."""

from job import measure_minima

from landscape.spaces import make_space
from landscape.study.controls import control_rows
from landscape.study.converse import converse_rows
from landscape.study.natural import natural_rows
from landscape.study.pairs import measure_pairs
from landscape.study.probes import probe_minima
from landscape.study.stability import stability_rows
from landscape.study.starts import generator


def balls(settings, data, neurons, minima, progress):
    """Balls around the minima of every space, and the controls, built from those of N*."""
    options = dict(settings["probe"])
    found = {}
    for name in options.pop("spaces"):
        progress(name)
        found[name] = probe_minima(
            data.features,
            data.target,
            minima.get(name, {}),
            space=make_space(name, data.n_features, neurons, margin=settings["margin"]),
            **options,
            progress=progress,
        )
    progress("controls")
    found["controls"] = control_rows(
        data.features,
        data.target,
        minima.get("restricted", {}),
        n_neurons=neurons,
        margin=settings["margin"],
        dataset=data.name,
        seed=settings["seed"],
        **settings["controls"],
        progress=progress,
    )
    return found


def distances(settings, data, neurons, minima, progress):
    """Parameter distance against the seminorm: pairs, and inverse stability at the minima."""
    # 2, 4: apart from the random numbers of starts and controls.
    progress("pairs")
    pairs = measure_pairs(
        minima.get("restricted", {}),
        rng=generator(settings["seed"], data.name, neurons, 0, 2),
        **settings["pairs"],
        progress=progress,
    )
    progress("stability")
    stability = stability_rows(
        data.features,
        data.target,
        minima.get("restricted", {}),
        n_neurons=neurons,
        margin=settings["margin"],
        rng=generator(settings["seed"], data.name, neurons, 0, 4),
        **settings["stability"],
        progress=progress,
    )
    return {"pairs": pairs, "stability": stability}


def cases(settings, data, neurons, minima, progress):
    """Minima outside N* as training finds them, and the converse of Proposition 1.2."""
    found = {}
    for name in settings["natural"]["spaces"]:
        progress(f"natural, {name}")
        found[name] = natural_rows(
            data.features,
            data.target,
            minima.get(name, {}),
            space=make_space(name, data.n_features, neurons, margin=settings["margin"]),
            max_minima=settings["natural"]["max_minima"],
            progress=progress,
        )
    progress("converse")
    found["converse"] = converse_rows(
        data.features,
        data.target,
        n_neurons=neurons,
        dataset=data.name,
        seed=settings["seed"],
        **settings["converse"],
        progress=progress,
    )
    return found


measure_minima(snakemake, probes=balls, pairs=distances, cases=cases)  # noqa: F821
