from importlib.util import find_spec

# The report as one HTML file, and a summary for print; `make report`.

# Without the weights, which would be half of the page.
PAGE_TABLES = [*TABLES, *OF_REALIZATIONS[:-1], *NETWORK_TABLES, *ATLAS_TABLES, "provenance"]
PAGE_FIGURES = [*FIGURES, *NETWORK_TABLES, *ATLAS_TABLES]
# The pages of the documentation, where they are: beside the package in the repository.
DOCS = [
    path
    for place in ("*.md", "*/*.md", "conf.py", "_static/*", "*/*.png", "*/*.svg", "../*.md")
    for path in sorted(PACKAGE.with_name("docs").glob(place))
    if not path.relative_to(PACKAGE.with_name("docs")).parts[0].startswith(("_build", "_gallery"))
]
SITE = ["<results>/docs"] if config["page"]["docs"] and find_spec("sphinx") and DOCS else []
CLAIMS = FAMILIES if config["page"]["claims"] else []


localrules:
    page,


rule page:
    """Put findings, figures and tables into one HTML file, and the main ones on paper."""
    input:
        tables=expand("<results>/tables/{table}.parquet", table=PAGE_TABLES),
        svg=expand("<results>/figures/{figure}.svg", figure=PAGE_FIGURES),
        png=expand("<results>/figures/{figure}.png", figure=PAGE_FIGURES),
        valleys=expand("<results>/valleys/{problem}.parquet", problem=ATLAS["problems"]),
        data=expand("<results>/atlas-data/{problem}.parquet", problem=ATLAS["problems"]),
        claims=expand("results/claims/parts/{family}.parquet", family=CLAIMS),
        docs=SITE,
    output:
        page=report(
            "<results>/report.html",
            caption="../report/page.rst",
            category="Report",
            labels={"what": "Findings, figures and searchable tables in one page"},
        ),
        summary=report(
            "<results>/summary.pdf",
            caption="../report/printed.rst",
            category="Report",
            labels={"what": "Summary for print"},
        ),
    log:
        "<logs>/page.log",
    benchmark:
        "<benchmarks>/page.jsonl"
    conda:
        "../envs/landscape.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=EVERYTHING,
        settings=STUDY,
        study=config["study"],
        # Their text, not their place: that differs from run to run.
        captions={
            figure: Path(workflow.source_path(f"../report/{figure}.rst")).read_text("utf-8")
            for figure in PAGE_FIGURES
        },
    script:
        "../scripts/report.py"


rule pages:
    """Build the pages of the documentation, without reference and gallery, to be read offline."""
    output:
        directory("<results>/docs"),
    log:
        "<logs>/pages.log",
    benchmark:
        "<benchmarks>/pages.jsonl"
    conda:
        "../envs/landscape.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=digest(DOCS),
        source=str(PACKAGE.with_name("docs")),
    script:
        "../scripts/pages.py"
