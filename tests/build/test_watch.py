"""Which folders build.sh watches while it copies them: those that somebody else may write to."""

from __future__ import annotations

import os
import pathlib
import subprocess

import pytest
from world import CHECKOUT

PROGRAM = """
set -Eeuo pipefail
NEVER_ENTERED=(.git)
id() {{ case $1 in -un | -gn) echo me ;; *) command id "$@" ;; esac; }}
getent() {{ {getent}; }}
grep() {{ return 1; }}
. {tools}/watch.sh
others_may_write && echo watched || echo not
"""


@pytest.mark.parametrize(
    ("mode", "getent", "watched"),
    [
        (0o755, "return 2", False),
        (0o775, "echo me:x:1000:", False),
        (0o775, "echo me:x:1000:me", False),
        (0o775, "echo me:x:1000:bob", True),
        (0o775, "echo me:x:1000:me,bob", True),
        (0o775, "return 2", True),  # nobody tells who is in it
        (0o757, "echo me:x:1000:", True),
    ],
)
def test_a_group_s_folder_is_watched_where_others_are_in_it(
    tmp_path: pathlib.Path, mode: int, getent: str, watched: bool
) -> None:
    """`adduser bob alice` puts bob into the group that is called as alice is."""
    tmp_path.chmod(mode)
    os.chown(tmp_path, -1, os.getgid())
    program = PROGRAM.format(getent=getent, tools=CHECKOUT / "scripts" / "build")
    done = subprocess.run(["bash", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("watched\n" if watched else "not\n", "")
