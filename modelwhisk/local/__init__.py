"""An emulator of OpenWhisk's HTTP face on one machine, as strict as the platform itself.

`LocalPlatform` serves `Action`s; the modules below it are pure (no I/O) down to `web_actions`, and sockets, containers
and output are in the others.
"""

from modelwhisk.local.actions import Action, web_annotations
from modelwhisk.local.platform import LocalPlatform

__all__ = ["Action", "LocalPlatform", "web_annotations"]
