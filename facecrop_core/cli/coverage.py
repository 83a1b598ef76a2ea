"""facecrop coverage: how well a set covers poses, shots and light."""

from __future__ import annotations

import json
from argparse import Namespace

from facecrop_core.names import readable
from facecrop_core.settings import Settings


def run_coverage(options: Namespace, settings: Settings) -> int:
    from facecrop_core.pipeline.coverage import set_coverage, write_coverage
    from facecrop_core.pipeline.produce import produce
    from facecrop_core.pipeline.project import Project

    found = set_coverage(produce(Project.open(options.project), settings))
    if options.out:
        write_coverage(options.out.absolute(), found)
    if options.json or not options.out:
        print(json.dumps(found))
    else:
        print(f"{found['kept']} of {found['faces']} faces would be kept. Written: {readable(options.out)}")
    return 0
