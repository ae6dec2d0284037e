# The study: config.yaml -> data -> fits -> minima -> probes, pairs -> tables -> figures.
from snakemake.utils import min_version

min_version("9.19")

# A file given with --configfile stands alone: merged with this one, data sets would add up.
if not workflow.overwrite_configfiles:

    configfile: "config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/runs.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/minima.smk"
include: "workflow/rules/probe.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/regularization.smk"
include: "workflow/rules/atlas.smk"
include: "workflow/rules/paper.smk"
include: "workflow/rules/progress.smk"
include: "workflow/rules/page.smk"


# What much or long work waits for has a higher priority, so that no core is idle at the end.
# Quick ones: on a cluster they run beside Snakemake itself.
localrules:
    all,
    data,
    tables,
    provenance,
    figures,
    more_figures,


rule all:
    """The whole study: every table and figure."""
    default_target: True
    input:
        tables=expand(
            "<results>/tables/{table}.{format}",
            table=[*TABLES, "provenance"],
            format=["csv", "parquet"],
        ),
        figures=expand(
            "<results>/figures/{figure}.{format}",
            figure=FIGURES,
            format=["svg", "png"],
        ),
        atlas=ATLAS_TARGETS,
        report=["<results>/report.html", "<results>/summary.pdf"],
