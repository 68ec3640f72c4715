# How jobs get to the machines that the configuration names, and descriptions of these machines.
# The plan needs the descriptions; the rules that make them ask nothing of it.
from segtrt.config.resources import is_of_gpu
from segtrt.machine.facts import description
from segtrt.runtimes.registry import any_on_gpu


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
    return any_on_gpu(runtimes) or any(map(is_of_gpu, machine.resources))


# Runs on that machine, each time it is asked for: `describe_machines` takes its file away.
rule describe_machine:
    output:
        "results/machines/{at}.json",
    log:
        "results/logs/describe_machine/{at}.log",
    wildcard_constraints:
        at="|".join(f"@{name}" for name in sorted(SETTINGS.machines)) or "@",
    conda:
        environment("cpu")
    resources:
        **machine_resources(is_gpu_machine),
        mem_mb=500,
        runtime=10,
    script:
        "../scripts/describe_machine.py"


# Keeps what the machines said of themselves, and tells what changed.
rule describe_machines:
    input:
        expand("results/machines/@{name}.json", name=sorted(SETTINGS.machines)),
    log:
        "results/logs/describe_machines.log",
    localrule: True
    conda:
        environment("cpu")
    params:
        kept=[str(description(name)) for name in sorted(SETTINGS.machines)],
    script:
        "../scripts/describe_machines.py"
