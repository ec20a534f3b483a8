"""Every reader, on a few dozen damaged files of its kind: read or refused in one line, never anything else."""

from pathlib import Path

from quietscope.testing.corpus import subjects
from quietscope.testing.mutations import READ, REFUSED, mutated, outcome

MUTATIONS = 25
SEED = "a"


def test_readers_refuse_what_they_cannot_read(tmp_path: Path) -> None:
    faults, refused = {}, 0
    for subject in subjects(tmp_path):
        whole = subject.file.read_bytes()
        assert outcome(subject.read) == READ, subject.name
        for number in range(MUTATIONS):
            subject.file.write_bytes(mutated(subject, whole, f"{SEED} {subject.name} {number}"))
            found = outcome(subject.read)
            refused += found == REFUSED
            if found not in (READ, REFUSED):
                faults[f"{subject.name} {number}"] = found
        subject.file.write_bytes(whole)
    assert not faults
    assert refused > MUTATIONS  # the mutations do damage something
