# Atlases: all local minima of small problems, and how many of them multi-starts find.

ATLAS = config["atlas"]
ATLAS_TABLES = OF_ATLASES if ATLAS["problems"] else []
ATLAS_TARGETS = expand(
    "<results>/tables/{table}.{format}", table=ATLAS_TABLES, format=["csv", "parquet"]
) + expand("<results>/figures/{figure}.{format}", figure=ATLAS_TABLES, format=["svg", "png"])

OF_ATLAS = settings(
    *("seed", "margin", "training.max_iter", "training.tol", *OBJECTIVE),
    *("atlas.starts", "atlas.max_supports", "atlas.solvers"),
)


wildcard_constraints:
    problem="[A-Za-z0-9][A-Za-z0-9_.-]*",


localrules:
    atlases,
    atlas_tables,


rule atlases:
    """All atlases of the config, with their tables and figures."""
    input:
        ATLAS_TARGETS,


rule atlas:
    """All local minima of one small problem, its valleys, and which of them starts find."""
    input:
        solvers=solver_files(ATLAS["solvers"]),
    output:
        data="<results>/atlas-data/{problem}.parquet",
        atlas="<results>/atlas/{problem}.parquet",
        coverage="<results>/coverage/{problem}.parquet",
        valleys="<results>/valleys/{problem}.parquet",
        barriers="<results>/barriers/{problem}.parquet",
    log:
        "<logs>/atlas/{problem}.log",
    benchmark:
        "<benchmarks>/atlas/{problem}.jsonl"
    priority: 40
    conda:
        "../envs/landscape.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        code=COMPUTING,
        settings=OF_ATLAS,
        content=lambda wildcards: content_of(problem_config(wildcards)["data"]),
        problem=problem_config,
        generators=lambda wildcards: generators_of(problem_config(wildcards)["data"]),
        own=own_solvers(ATLAS["solvers"]),
    script:
        "../scripts/atlas.py"


rule atlas_tables:
    """Tables and figures of all atlases."""
    input:
        data=expand("<results>/atlas-data/{problem}.parquet", problem=ATLAS["problems"]),
        atlas=expand("<results>/atlas/{problem}.parquet", problem=ATLAS["problems"]),
        coverage=expand("<results>/coverage/{problem}.parquet", problem=ATLAS["problems"]),
        valleys=expand("<results>/valleys/{problem}.parquet", problem=ATLAS["problems"]),
        barriers=expand("<results>/barriers/{problem}.parquet", problem=ATLAS["problems"]),
    output:
        **{
            f"{table}_{format}": f"<results>/tables/{table}.{format}"
            for table in OF_ATLASES
            for format in ("csv", "parquet")
        },
        png=expand("<results>/figures/{figure}.png", figure=OF_ATLASES),
        atlas_svg=report(
            "<results>/figures/atlas.svg",
            caption="../report/atlas.rst",
            category="Figures",
            labels={"figure": "atlas"},
        ),
        coverage_svg=report(
            "<results>/figures/coverage.svg",
            caption="../report/coverage.rst",
            category="Figures",
            labels={"figure": "coverage"},
        ),
        valleys_svg=report(
            "<results>/figures/valleys.svg",
            caption="../report/valleys.rst",
            category="Figures",
            labels={"figure": "valleys"},
        ),
        barriers_svg=report(
            "<results>/figures/barriers.svg",
            caption="../report/barriers.rst",
            category="Figures",
            labels={"figure": "barriers"},
        ),
    log:
        "<logs>/atlas_tables.log",
    benchmark:
        "<benchmarks>/atlas_tables.jsonl"
    conda:
        "../envs/landscape.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=EVERYTHING,
        settings=OF_ATLAS,
    script:
        "../scripts/atlas_tables.py"
