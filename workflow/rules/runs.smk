# One run at a time in a folder; what a killed one left behind is put away (landscape.study.lock).
import sys

from snakemake.logging import logger

from landscape.study.lock import RunError, begin, check_writable, looks_only

# Not in the jobs' own processes, nor as a module of another workflow, whose runs hold no such lock.
RUNS_HERE = (
    workflow.is_main_process
    and Path(workflow.main_snakefile).resolve().parent == Path(workflow.basedir).resolve()
)
if RUNS_HERE and not workflow.output_settings.dryrun and not looks_only(sys.argv[1:]):
    try:
        if sentence := begin(".", config["study"]):
            logger.warning(sentence)
        check_writable("results")
        check_writable("logs")
    except RunError as error:
        refuse([str(error)])

# Ctrl-C reaches every process. A job must not answer it with a traceback while it still imports;
# after that it ends by itself, with a line in its log (workflow/scripts/job.py).
shell.prefix("set -euo pipefail; trap '' INT; ")


onerror:
    logger.error("Not finished; what is done is kept. Run the same command again to go on.")
