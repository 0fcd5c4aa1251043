"""What a comparison says, in the header ``Model-Drift`` and in the log. Pure.

The header is a dictionary of RFC 8941: ``distance=0.831; threshold=1.2; drifted=?0; exact="0.83123456"``. Its decimals
have at most three digits after the point, so ``exact`` repeats the distance, as text, with all that count.
"""

HEADER = "Model-Drift"
_LARGEST = 999999999999.0  # of a decimal (RFC 8941, section 3.3.2)


class Verdict:
    """``fields`` for a log in JSON, ``str()`` for one of text, ``header`` None where there was no comparison."""

    def __init__(self, header, fields):
        self.header = header
        self.fields = fields

    def __str__(self):
        fields = dict(self.fields)
        if "error" in fields:
            return "drift=none"
        distance, drifted = fields.pop("distance"), fields.pop("drifted")
        rest = "".join([" %s=%s" % pair for pair in fields.items()])
        return "drift=%s drifted=%d%s" % (distance, drifted, rest)


def compared(distance, threshold, share, of, ms, part=1.0):
    """``share`` of the last ``of`` predictions, this one among them, were drifted; ``part`` of the reference was looked
    at, in ``ms`` milliseconds."""
    drifted = distance > threshold
    header = 'distance=%s; threshold=%s; drifted=?%d; exact="%.8g"' % (
        decimal(distance),
        decimal(threshold),
        drifted,
        distance,
    )
    fields = {
        "distance": float("%.6g" % distance),
        "threshold": float("%.6g" % threshold),
        "drifted": drifted,
        "share": round(share, 4),
        "of": of,
        "drift_ms": round(ms, 3),
    }
    if part < 1:
        header += "; part=%s" % decimal(part)
        fields["part"] = round(part, 6)
    return Verdict(header, fields)


def not_compared(reason):
    return Verdict(None, {"error": reason})


def decimal(number):
    """A number as RFC 8941 has it: at most twelve digits, a point, one to three digits."""
    text = ("%.3f" % max(-_LARGEST, min(_LARGEST, number))).rstrip("0")
    return text + "0" if text.endswith(".") else text
