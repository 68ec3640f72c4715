"""Changes that happen to files: moved, copied, touched, lost."""

import os
import shutil
import subprocess

from oracle.scene import Scene


def dataset_moved(scene: Scene) -> str:
    """The data set lies in another folder of the same name."""
    target = scene.bench.folder / f"images{scene.rng.randrange(1000)}/kaggle_3m"
    if target.exists():
        return "nothing"
    target.parent.mkdir()
    shutil.move(scene.bench.images, target)
    scene.bench.images = target
    scene.bench.forget_images()
    scene.world.config["dataset"]["path"] = str(target)
    return "data set moved"


def touched(scene: Scene) -> str:
    """New times for everything, or for some."""
    share = scene.rng.choice([1.0, 0.3])
    for path in scene.files():
        if scene.rng.random() < share:
            os.utime(path)
    return f"touched {share:.0%} of the files"


def shuffled(scene: Scene) -> str:
    """Times from the past or the future, in no order, as copies without times have."""
    begin = scene.rng.choice([1_000_000_000, 1_700_000_000, 2_000_000_000])
    for path in scene.files():
        time = begin + scene.rng.randrange(10_000_000)
        os.utime(path, (time, time))
    return f"times shuffled from {begin}"


def checkout_moved(scene: Scene) -> str:
    """The checkout, its results with it, lies elsewhere."""
    target = scene.bench.folder / f"checkout{scene.rng.randrange(10_000)}"
    if target.exists():
        return "nothing"
    scene.bench.checkout.rename(target)
    scene.bench.moved(target)
    return "checkout moved"


def copied(scene: Scene) -> str:
    """A copy without times or Snakemake's own memory takes the checkout's place."""
    target = scene.bench.folder / f"checkout{scene.rng.randrange(10_000)}"
    if target.exists():
        return "nothing"
    ignore = shutil.ignore_patterns(".snakemake", "__pycache__")
    shutil.copytree(scene.bench.checkout, target, ignore=ignore, copy_function=shutil.copyfile)
    shutil.rmtree(scene.bench.checkout)
    scene.bench.moved(target)
    return "checkout copied without times"


def cloned(scene: Scene) -> str:
    """A git clone of the checkout, with the old results moved into it."""
    target = scene.bench.folder / f"checkout{scene.rng.randrange(10_000)}"
    if target.exists():
        return "nothing"
    source = scene.bench.checkout
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    (source / ".gitignore").write_text("results/\n.snakemake/\n__pycache__/\n")
    for command in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "all"]):
        subprocess.run(["git", *command], cwd=source, check=True)
    subprocess.run(["git", "clone", "-q", source, target], check=True, capture_output=True)
    if (source / "results").exists():
        (source / "results").rename(target / "results")
    shutil.rmtree(source)
    shutil.rmtree(target / ".git")
    scene.bench.moved(target)
    return "cloned"


def memory_lost(scene: Scene) -> str:
    """Snakemake's own memory, or that of hashes, is lost or damaged."""
    shutil.rmtree(scene.bench.checkout / ".snakemake", ignore_errors=True)
    hashes = scene.bench.checkout / "results/keys/hashes.txt"
    if scene.rng.random() < 0.5:
        hashes.unlink(missing_ok=True)
    else:
        hashes.write_text(scene.rng.choice(["", "[]", '{"a": 1}']))
    return "memory lost"


def deleted(scene: Scene) -> str:
    """An artefact is deleted, one of its files at least."""
    job = scene.one_present()
    if job not in scene.bench.outputs:
        return "nothing"
    path = scene.bench.checkout / scene.rng.choice(scene.bench.outputs[job])
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    scene.disk.present.discard(job)
    return f"{path.name} of {job} deleted"


def engines_deleted(scene: Scene) -> str:
    """All engines are deleted by hand."""
    shutil.rmtree(scene.bench.checkout / "results/engines", ignore_errors=True)
    scene.disk.present = {job for job in scene.disk.present if job[0] != "build_engine"}
    return "engines deleted"


def record_lost(scene: Scene) -> str:
    """A key record is lost or cut short."""
    job = scene.one_present()
    if job not in scene.bench.records:
        return "nothing"
    path = scene.bench.checkout / scene.bench.records[job]
    if scene.rng.random() < 0.5:
        path.unlink(missing_ok=True)
    else:
        path.write_text(scene.rng.choice(["", "{", "{}", "[1]"]))
    scene.disk.signature.pop(job, None)
    return f"record of {job} lost"
