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


def balls(params, data, neurons, minima, progress):
    """Balls around the minima of every space, and the controls, built from those of N*."""
    options = dict(params.probe)
    found = {}
    for name in options.pop("spaces"):
        progress(name)
        found[name] = probe_minima(
            data.features,
            data.target,
            minima.get(name, {}),
            space=make_space(name, data.n_features, neurons, margin=params.margin),
            **options,
            progress=progress,
        )
    progress("controls")
    found["controls"] = control_rows(
        data.features,
        data.target,
        minima.get("restricted", {}),
        n_neurons=neurons,
        margin=params.margin,
        dataset=data.name,
        seed=params.seed,
        **params.controls,
        progress=progress,
    )
    return found


def distances(params, data, neurons, minima, progress):
    """Parameter distance against the seminorm: pairs, and inverse stability at the minima."""
    # 2, 4: apart from the random numbers of starts and controls.
    progress("pairs")
    pairs = measure_pairs(
        minima.get("restricted", {}),
        rng=generator(params.seed, data.name, neurons, 0, 2),
        **params.pairs,
        progress=progress,
    )
    progress("stability")
    stability = stability_rows(
        data.features,
        data.target,
        minima.get("restricted", {}),
        n_neurons=neurons,
        margin=params.margin,
        rng=generator(params.seed, data.name, neurons, 0, 4),
        **params.stability,
        progress=progress,
    )
    return {"pairs": pairs, "stability": stability}


def cases(params, data, neurons, minima, progress):
    """Minima outside N* as training finds them, and the converse of Proposition 1.2."""
    found = {}
    for name in params.natural["spaces"]:
        progress(f"natural, {name}")
        found[name] = natural_rows(
            data.features,
            data.target,
            minima.get(name, {}),
            space=make_space(name, data.n_features, neurons, margin=params.margin),
            max_minima=params.natural["max_minima"],
            progress=progress,
        )
    progress("converse")
    found["converse"] = converse_rows(
        data.features,
        data.target,
        n_neurons=neurons,
        dataset=data.name,
        seed=params.seed,
        **params.converse,
        progress=progress,
    )
    return found


measure_minima(snakemake, probes=balls, pairs=distances, cases=cases)  # noqa: F821
