# Descriptions of the machines that the configuration names. The plan needs them; the rules that make
# them ask nothing of it.
from segtrt.machine.facts import description


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
