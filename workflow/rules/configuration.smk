# The configuration, checked and complete, and how the library is found. No rules.
import gc
import re
import sys

# The library is found in three ways. This process takes it from the workflow's own checkout, and
# so do the jobs that it starts (`share_library` sets PYTHONPATH), so that a checkout always runs its
# own code, even where another one's is installed. The command line takes the installed one.
sys.path.insert(0, str(CHECKOUT / "workflow" / "scripts"))

from snakemake.exceptions import WorkflowError

from segtrt.config.duplicates import refuse_duplicates
from segtrt.config.resolve import resolve_config
from segtrt.errors import SegtrtError, name_some
from segtrt.plan.job import share_library
from segtrt.plan.surroundings import (
    keep_to_own_locks,
    refuse_other_library,
    share_interpreter,
)

# Snakemake and its plugins are 150,000 objects that stay until the end. Spared from now on, they
# cost no garbage collection, which would take a fifth of a run with nothing to do.
if not gc.get_freeze_count():
    gc.freeze()

try:
    refuse_other_library(CHECKOUT)
    share_library()
    share_interpreter()
    keep_to_own_locks(Path())
    if workflow.is_main_process:
        refuse_duplicates(workflow.configfiles)
    SETTINGS = resolve_config(config)
except SegtrtError as error:
    raise WorkflowError(str(error)) from None


def environment(name):
    """For `conda`: the file of an environment. Braces of the checkout's folder are no wildcards."""
    folder = str(CHECKOUT / "envs").replace("{", "{{").replace("}", "}}")
    return f"{folder}/{name}.yaml"
