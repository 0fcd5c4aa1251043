"""Checks a drift reference inside the image that it was built into: that it is whole, and of this model.

build.sh feeds this to the image's own Python (3.6 or newer), in the model's folder. ``drift.py REFERENCE`` prints one
line ``reference WHAT IT IS``, or ``fault REASON``.
"""

import os
import sys

HOME = "/modelproxy"


def found(path):
    from modelproxy.drift.declaration import in_words
    from modelproxy.drift.model_files import differing, digest_of_file, digests_of, other_model
    from modelproxy.drift.reference import Reference

    reference = Reference(path, check=False)
    reference.verify()
    what = "{} vectors of {} numbers ({}), threshold {:.6g}".format(
        reference.count, reference.dimensions, in_words(reference.declaration), reference.threshold
    )
    if not reference.files:
        return what + "; it doesn't say of which files, so whether it is of this model isn't known"
    others = differing(reference.files, digests_of(os.getcwd()), digest_of_file(path))
    if others:
        raise ValueError(other_model(others))
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
