"""The estate's lists: each whole, whatever an earlier attempt has left."""

from __future__ import annotations

import os
import threading

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
