"""Resources that jobs ask the scheduler for to get to the machines that a configuration names."""

from collections.abc import Iterator, Mapping

from segtrt.config.settings import MachineSettings

OWN_RESOURCES = {
    **dict.fromkeys(("mem", "mem_mb", "mem_mib"), "--set-resources RULE:mem_mb=..."),
    "runtime": "--set-resources RULE:runtime=...",
    "gpu": "--set-resources RULE:gpu=...",
    "threads": "inference.threads or --set-threads RULE=...",
}
"""Resources that jobs work out themselves, and what overrules that."""


def is_of_gpu(resource: str) -> bool:
    """Whether a resource is about a GPU, so that jobs on the CPU must not ask for it."""
    return resource == "gres" or resource.startswith("gpu")


def misplaced_resources(machines: Mapping[str, MachineSettings]) -> Iterator[str]:
    """Resources of machines that jobs set themselves, or that only some machines have.

    A rule that names a resource for one machine leaves it unset for the others, even where a
    profile has a default.
    """
    every = {name for machine in machines.values() for name in machine.resources}
    shared = {name for name in every if not is_of_gpu(name)}
    for name in sorted(every & OWN_RESOURCES.keys()):
        yield (
            f"machines: resource {name} is worked out for each job; overrule it with "
            f"{OWN_RESOURCES[name]}"
        )
    for machine in sorted(machines):
        lacking = sorted(shared - set(machines[machine].resources))
        if lacking:
            yield (
                f"machines.{machine}.resources lacks {', '.join(lacking)}, which another machine "
                "has: set it for each"
            )
