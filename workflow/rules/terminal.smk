# How a run is shown: in short on a terminal, and before the list of a dry run. No rules.
from segtrt.terminal.attach import show_story
from segtrt.terminal.digest import digest


def opening_words(counts):
    """What is about to be made and why, for the number of jobs by rule."""
    changed = "note_changes" in counts
    changes = summarise_changes(PLAN.states.out_of_date()) if changed else ""
    left_out = left_out_engines(None) if "summarise" in counts else {}
    return digest(counts, changes=changes.splitlines(), left_out=left_out)


# As a module of another workflow this one leaves the screen to that.
if CHECKOUT.resolve() in Path(workflow.main_snakefile).resolve().parents:
    show_story(workflow, opening_words)
