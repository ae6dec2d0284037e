# The way in: the workflow itself is in workflow/Snakefile, where Snakemake's catalogue looks for it.
include: "workflow/Snakefile"


localrules:
    study,


rule study:
    """The whole study, as rule all: an included file cannot say what is made by default."""
    default_target: True
    input:
        rules.all.input,
