# What a job asks of the machine, for batch systems: memory in MB, run time in minutes, GPUs.
# Figures come from the settings and the size of the job's inputs; benchmarks/scale.py measures
# them. A repeated attempt asks for more. Partitions, accounts and the like are the site's, and
# stand in profiles. No rules.

from math import prod

from segtrt.config.resources import is_of_gpu
from segtrt.plan.limits import keep_within_machine
from segtrt.runtimes.registry import any_on_gpu

SLICE_MB = 0.85  # of a tensor shard: 3 x 256 x 256 float32 and a mask
FEATURE_MB = 4.5  # activations of one slice for each of the network's first channels
CPU_SECONDS = 2.5  # one slice of the published network on one slow core
GPU_SECONDS = 0.05

# Before any rule asks how many cores there are.
for line in keep_within_machine(workflow):
    print(f"segtrt: {line}", file=sys.stderr)

# The width of the U-Net; other networks are taken to cost what the published one does.
_FEATURES = SETTINGS.model.called_with.get("init_features", 32)


def available_cores():
    """Cores given to Snakemake; 1 where a batch system runs the jobs.

    There Snakemake reads the workflow again within each job, with the cores of that node: what a
    job asked for when it was submitted and what it uses must not differ.
    """
    batch_system = not workflow.is_main_process or workflow.non_local_exec
    return 1 if batch_system else workflow.cores


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


def takes_gpu(wildcards):
    """Whether a job works on a GPU; to build for GPUs elsewhere needs none."""
    return on_gpu(wildcards) and has_gpu(wildcards)


def has_gpu(wildcards):
    """Whether the machine has a GPU, for jobs of PyTorch, which takes it if it is there."""
    machine = machines().get(wildcards.at.removeprefix("@"))
    return machine is not None and machine.gpu is not None


def gpus_of_pytorch(wildcards):
    """One if this machine has a GPU, as PyTorch takes it. With machines named, any CPU will do."""
    here = machines().get("")
    return 1 if here and here.gpu else None


def no_gpu(wildcards):
    """For jobs that never use one."""
    return False


def _slices_in(input):
    return input.size_mb / SLICE_MB


def _seconds_per_slice(wildcards):
    """Work grows with the square of the network's width; 32 is the published one."""
    on_device = GPU_SECONDS if on_gpu(wildcards) else CPU_SECONDS
    return on_device * (_FEATURES / 32) ** 2


def _slices_in_patch():
    """How many slices of 256 x 256 a patch is worth: 32 in a volume of 128 cubed.

    Where the images' own size decides it is not known before they are listed: one, and a repeated
    attempt asks for more.
    """
    return max(1, prod(PATCH_SIZE) / 256**2) if PATCH_SIZE else 1


def _network_mb(slices):
    """Activations of the network for so many slices of 256 x 256 at once."""
    return FEATURE_MB * _FEATURES * slices


def _times_of(batch):
    """Slices that timing at one batch size runs through, warm-up included."""
    return 2 * batch * _slices_in_patch() * SETTINGS.inference.iterations


def memory_of_encode(wildcards, attempt):
    """A picture at a time is little; a volume lies in memory whole, several times over."""
    tensors = SETTINGS.tensors
    of_volumes = (tensors.axis, tensors.spacing, tensors.window.size)
    whole = tensors.normalisation == "volume" or of_volumes != (None, None, None)
    return attempt * (2500 if whole else 500)


def minutes_of_encode(wildcards, input, attempt):
    """Minutes by the shard's list of slices, which has about 400 bytes for each."""
    return int(attempt * (10 + input.size_mb * 2500 * 0.05 / 60))


def memory_of_convert(wildcards, attempt):
    """The graph several times over, and where it is quantised every activation of one patch."""
    return int(attempt * (1500 + 10 * _network_mb(_slices_in_patch())))


def minutes_of_convert(wildcards, attempt):
    slices = SETTINGS.engines.calibration.slices * _slices_in_patch()
    return int(attempt * (10 + slices * 4 * CPU_SECONDS * (_FEATURES / 32) ** 2 / 60))


def memory_of_reference(wildcards, attempt):
    """Batches of eight slices, or one patch that is larger."""
    return int(attempt * (1000 + _network_mb(max(8, _slices_in_patch()))))


def minutes_of_reference(wildcards, input, attempt):
    seconds = _slices_in(input) * CPU_SECONDS * (_FEATURES / 32) ** 2
    return int(attempt * (10 + seconds / 60))


def memory_of_reference_timing(wildcards, attempt):
    batch = max(SETTINGS.engines.batch_sizes)
    return int(attempt * (1000 + _network_mb(batch * _slices_in_patch())))


def minutes_of_reference_timing(wildcards, attempt):
    runs = sum(map(_times_of, SETTINGS.engines.batch_sizes))
    return int(attempt * (10 + runs * CPU_SECONDS * (_FEATURES / 32) ** 2 / 60))


def memory_of_build(wildcards, attempt):
    """A GPU's builder keeps its own libraries and the kernels it tries in memory."""
    return attempt * (8000 if on_gpu(wildcards) else 2000)


def minutes_of_build(wildcards, attempt):
    return attempt * (60 if on_gpu(wildcards) else 10)


def memory_of_engine(wildcards, attempt):
    """Activations lie on the GPU for an engine there, in the job's memory for one on the CPU."""
    slices = engine_of(wildcards).settings.largest_batch * _slices_in_patch()
    return int(attempt * (4000 if on_gpu(wildcards) else 600 + _network_mb(slices)))


def minutes_of_engine(wildcards, input, attempt):
    return int(attempt * (10 + _slices_in(input) * _seconds_per_slice(wildcards) / 60))


def minutes_of_timing(wildcards, attempt):
    slices = _times_of(int(wildcards.batch))
    return int(attempt * (10 + slices * _seconds_per_slice(wildcards) / 60))


def memory_of_gain(wildcards, attempt):
    """Two engines, built and loaded in one job."""
    slices = plain_settings(SETTINGS).largest_batch * _slices_in_patch()
    loaded = 4000 if on_gpu(wildcards) else 600 + 2 * _network_mb(slices)
    return int(attempt * (memory_of_build(wildcards, 1) + loaded))


def minutes_of_gain(wildcards, attempt):
    slices = 2 * _times_of(SETTINGS.gain_batch_size)
    timing = slices * _seconds_per_slice(wildcards) / 60
    return int(attempt * (2 * minutes_of_build(wildcards, 1) + timing))


def memory_of_rebuild(wildcards, attempt):
    """It builds an engine, then runs two, one after the other."""
    built, ran = (of(wildcards, attempt) for of in (memory_of_build, memory_of_engine))
    return max(built, ran)


def minutes_of_rebuild(wildcards, input, attempt):
    """A build, and two engines run and timed."""
    ran = minutes_of_engine(wildcards, input, attempt)
    timed = minutes_of_timing(wildcards, attempt)
    return minutes_of_build(wildcards, attempt) + 2 * (ran + timed)


def minutes_of_scores(wildcards, attempt):
    """In a group with jobs that come before it, so its inputs' sizes are not to be had."""
    return attempt * 60


def memory_of_training(wildcards, attempt):
    """Forward and backward: every activation is kept, and its gradient."""
    slices = SETTINGS.training.batch_size * _slices_in_patch()
    return int(attempt * (2000 + 3 * _network_mb(slices)))


def minutes_of_training(wildcards, input, attempt):
    steps = _slices_in(input) * SETTINGS.training.epochs
    return int(attempt * (30 + 3 * steps * CPU_SECONDS * (_FEATURES / 32) ** 2 / 60))
