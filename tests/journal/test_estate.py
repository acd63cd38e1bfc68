"""The estate's lists: each whole, whatever an earlier attempt has left."""

from __future__ import annotations

import os
import resource
import threading

from tests.journal.test_out_of_reach import too_many_files

from promptscribe._journal.estate import Estate
from promptscribe._journal.lane import prepare_root


def test_half_of_a_list_does_not_spoil_the_next(tmp_path):
    """The disk was full: the name that it broke off in must not hide another one."""
    folders = [tmp_path / f"server~{mark}" for mark in "abc"]
    for folder in folders:
        prepare_root(folder)
    half = folders[0] / f"refused-{os.getpid()}-{threading.get_ident()}"
    half.write_text("ser")
    Estate(folders[0], "program").settle(is_refused=True)

    listed = (folders[0] / "refused").read_text().splitlines()

    assert listed == ["server~b", "server~c"]
    assert not half.exists()


def test_that_keys_are_used_beside_each_other_is_told_once_it_can_be(tmp_path):
    """It could not be written down at first: this process knows it by itself."""
    one, other = (Estate(tmp_path / f"server~{mark}", "program") for mark in "ab")
    one.register()
    one.settle(is_refused=True)
    other.register()
    before = other.may_inherit(one.root)
    with too_many_files():
        one.part(other)
    untold = list(tmp_path.glob("*/several"))
    meanwhile = Estate(other.root, "program").may_inherit(one.root)
    one.tell_apart()

    assert (before, meanwhile) == (True, False)
    assert untold == []
    assert len(list(tmp_path.glob("*/several"))) == 2


def test_half_a_name_of_a_program_does_not_spoil_the_next(tmp_path):
    """The disk was full: who comes then is known by its whole name."""
    root = tmp_path / "server~a"
    Estate(root, "first").register()
    size = (root / "programs").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 3, hard))
    try:
        Estate(root, "second").register()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    Estate(root, "third").register()

    assert (root / "programs").read_text().splitlines() == ["first", "third"]
