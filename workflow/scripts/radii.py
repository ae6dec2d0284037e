"""Bracket the radii of minima: in parameter space, and of N* in realization space."""

from job import measure_minima

from landscape.radius import RadiusBudget
from landscape.spaces import make_space
from landscape.study.brackets import bracket_rows
from landscape.study.radii import radius_rows


def brackets(settings, data, neurons, minima, progress):
    """Brackets of both kinds of radii for one number of neurons."""
    options = settings["radius"]
    budget = RadiusBudget(
        max_nodes=options["max_nodes"], ratio=options["ratio"], n_starts=options["n_starts"]
    )
    found = {}
    for name in options["spaces"]:
        progress(name)
        found[name] = radius_rows(
            data.features,
            data.target,
            minima.get(name, {}),
            space=make_space(name, data.n_features, neurons, margin=settings["margin"]),
            seed=settings["seed"],
            max_minima=options["max_minima"],
            budget=budget,
            progress=progress,
        )
    progress("realization space")
    found["realization"] = bracket_rows(
        data.features,
        data.target,
        minima.get("restricted", {}),
        space=make_space("restricted", data.n_features, neurons, margin=settings["margin"]),
        dataset=data.name,
        seed=settings["seed"],
        n_neurons=neurons,
        **settings["realization"],
        progress=progress,
    )
    return found


measure_minima(snakemake, radii=brackets)  # noqa: F821
