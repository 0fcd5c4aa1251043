"""Checks a drift reference inside the image that it was built into: that it is whole, and of this model.

build.sh feeds this to the image's own Python (3.6 or newer), in the model's folder. ``drift.py REFERENCE`` prints one
line ``reference WHAT IT IS``, or ``fault REASON``.
"""

import os
import sys

HOME = "/modelproxy"
NAMED = 10  # files that are named


def found(path):
    from modelproxy.drift.declaration import in_words
    from modelproxy.drift.model_files import differing, digest_of_file
    from modelproxy.drift.reference import Reference

    reference = Reference(path, check=False)
    reference.verify()
    what = "{} vectors of {} numbers ({}), threshold {:.6g}".format(
        reference.count, reference.dimensions, in_words(reference.declaration), reference.threshold
    )
    if not reference.files:
        return what + "; it doesn't say of which files, so whether it is of this model isn't known"
    # The reference may lie in the model's own folder.
    itself = digest_of_file(path)
    others = [
        "{} {}".format(name, how)
        for name, how in differing(reference.files, os.getcwd())
        if how == "differs" or digest_of_file(name) != itself
    ]
    if others:
        raise ValueError(
            "the drift reference was made with another model: {}{}. Make it anew with modelwhisk drift fit".format(
                ", ".join(others[:NAMED]),
                " and {} more".format(len(others) - NAMED) if len(others) > NAMED else "",
            )
        )
    return what


def main(path):
    sys.dont_write_bytecode = True
    sys.path.insert(0, HOME)
    from modelproxy import packed

    packed.install()
    try:
        print("reference", " ".join(found(path).split()))
    except (OSError, ValueError) as error:  # Refused too
        print("fault", " ".join(str(error).split()))


if __name__ == "__main__":
    main(*sys.argv[1:])
