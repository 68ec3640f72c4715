# The configuration, checked and complete, and how jobs get to the machines that it names. No rules.
import re
import sys

sys.path.insert(0, str(Path(workflow.basedir) / "workflow" / "scripts"))

from snakemake.exceptions import WorkflowError

from segtrt.config.duplicates import refuse_duplicates
from segtrt.config.resolve import resolve_config
from segtrt.config.resources import is_of_gpu
from segtrt.errors import SegtrtError
from segtrt.plan.job import share_library
from segtrt.machine.facts import description, undescribed

share_library()

try:
    if workflow.is_main_process:
        refuse_duplicates(workflow.configfiles)
    SETTINGS = resolve_config(config)
except SegtrtError as error:
    raise WorkflowError(str(error)) from None

# Whether machines are to be described: without a plan, for what is known of them may be missing or
# wrong. Targets are not known yet while the workflow is read, so the command line is asked, which
# is `describe_machine:at=@name` for a job. To take a lock away needs no plan either.
DESCRIBING = any(
    re.match(
        r"describe_machines$|describe_machine:at=@|results/machines/@|--unlock$", word
    )
    for word in sys.argv
)
_unknown = undescribed(SETTINGS.machines, Path())
if _unknown and not DESCRIBING:
    raise WorkflowError(
        f"machines: {', '.join(_unknown)} not described yet in config/machines; run first: "
        "snakemake describe_machines, with the profile that the workflow runs with"
    )


def machine_of(wildcards):
    """Settings of a job's machine, or None if the configuration names none."""
    return SETTINGS.machines.get(wildcards.at.removeprefix("@"))


def machine_resources(uses_gpu):
    """Resources that bring a job to its machine, by name: for `**` in `resources`.

    What is about GPUs, and one GPU (`gpu`), is asked for by jobs of which `uses_gpu(wildcards)`
    holds; for the others it is None, and so no request at all. Where a machine's `gres` asks for the
    GPU, `gpu` does not.
    """

    def resource(name):
        def value(wildcards):
            machine = machine_of(wildcards)
            if machine is None or is_of_gpu(name) and not uses_gpu(wildcards):
                return None
            return machine.resources.get(name)

        return value

    def gpu(wildcards):
        machine = machine_of(wildcards)
        asked = machine is not None and "gres" in machine.resources
        return 1 if uses_gpu(wildcards) and not asked else None

    names = {name for one in SETTINGS.machines.values() for name in one.resources}
    return {**{name: resource(name) for name in sorted(names)}, "gpu": gpu}


def is_gpu_machine(wildcards):
    """Whether a machine's settings say that it has a GPU."""
    machine = machine_of(wildcards)
    runtimes = machine.runtimes or SETTINGS.engines.runtimes
    on_gpu = any(name.startswith("tensorrt") for name in runtimes)
    return on_gpu or any(map(is_of_gpu, machine.resources))
