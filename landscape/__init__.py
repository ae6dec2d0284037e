"""Optimization landscapes of shallow ReLU networks, exactly.

How does the parametrization of a shallow ReLU network relate to the function it computes, and
what does that mean for the minima that training finds? After Berner, Elbrächter and Grohs, *How
degenerate is the parametrization of neural networks with the ReLU activation function?* (2019).

Names are imported when they are first used: ``import landscape`` costs next to nothing.
"""

from importlib import import_module

#: Public names and the modules that define them.
_PUBLIC = {
    "Parametrization": "parametrization",
    "lift": "parametrization",
    "lift_inputs": "parametrization",
    "realize": "realization",
    "sobolev_seminorm": "seminorm",
    "sobolev_distance": "seminorm",
    "uniform_norm": "seminorm",
    "lipschitz_constant": "lipschitz",
    "UnrestrictedSpace": "spaces",
    "BalancedSpace": "spaces",
    "RestrictedSpace": "spaces",
    "parameter_distance": "stability",
    "distance_to_fibre": "stability",
    "Network": "networks",
    "from_sklearn": "networks",
    "from_torch": "networks",
    "load_network": "networks",
    "train": "training",
    "descend": "descent",
    "certify_minimum": "minima",
    "bracket_radius": "radius",
    "bracket_global_minimum": "bracket",
    "width_free_bound": "bracket",
    "merge_tree": "trees",
    "escape_barrier": "trees",
    "probe_realization": "probe",
    "reparametrize_near": "stability",
    "ShallowReLUClassifier": "estimator",
    "ShallowReLURegressor": "estimator",
    "analyse": "analysis",
}

__all__ = [*_PUBLIC, "__version__"]


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib import metadata  # slow to import

        try:
            return metadata.version("landscape-relu")
        except metadata.PackageNotFoundError:  # used from a source tree
            return "0+unknown"
    if name in _PUBLIC:
        value = getattr(import_module(f"landscape.{_PUBLIC[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'landscape' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
